import type { Chunk, ObjectSpan } from './chunk.ts';
import { extentsOf } from './chunk-extents.ts';

/**
 * ⚑ The chunks that continue from `offset` without a gap. An eventually consistent page may miss any item, and expiry
 * deletes in any order: what lies behind a gap is not shown, so that a stale read is shorter but never wrong.
 */
export function contiguousFrom(chunks: readonly Chunk[], offset: number, cutAtGap: boolean): Chunk[] {
  const run: Chunk[] = [];
  let expected = offset;
  for (const chunk of chunks) {
    const covers =
      chunk.baseOffset === expected ||
      (run.length === 0 && chunk.baseOffset < offset && offset < chunk.endOffset);
    if (!covers && cutAtGap) break;
    if (chunk.body.kind === 'closed') break;
    run.push(chunk);
    expected = chunk.endOffset;
  }
  return run;
}

/** A stretch of whole batches to answer: bytes at hand, or a span of an object still to be read. */
export type ReadPiece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly endOffset: number }
  | {
      readonly kind: 'span';
      readonly span: ObjectSpan;
      readonly baseOffset: number;
      readonly endOffset: number;
      /** Set where the batches keep their offsets: those that end at or below this one are not asked for. */
      readonly keptFrom?: number;
    };

/**
 * Picks whole batches out of a run of chunks: from the one that holds `offset` up to `bytesMax`, and at least one, so
 * that an oversized batch cannot block a reader.
 */
export function planRead(run: readonly Chunk[], offset: number, bytesMax: number): ReadPiece[] {
  const pieces: ReadPiece[] = [];
  let bytesLeft = bytesMax;
  for (const chunk of run) {
    const picked = pickBatches(chunk, { offset, bytesLeft, mustPick: pieces.length === 0 });
    if (picked === undefined) break;
    pieces.push(picked.piece);
    bytesLeft -= picked.bytes;
    if (picked.isCut) break;
  }
  return pieces;
}

interface Picked {
  readonly piece: ReadPiece;
  readonly bytes: number;
  /** Whether batches of this chunk were left out at its end. */
  readonly isCut: boolean;
}

function pickBatches(
  chunk: Chunk,
  limits: { readonly offset: number; readonly bytesLeft: number; readonly mustPick: boolean },
): Picked | undefined {
  let position = 0;
  let offset = chunk.baseOffset;
  let start: number | undefined;
  let baseOffset = offset;
  let isCut = false;
  for (const extent of extentsOf(chunk)) {
    if (start === undefined && extent.endOffset > limits.offset) {
      start = position;
      baseOffset = extent.baseOffset;
    }
    if (start !== undefined) {
      const isFirst = position === start;
      if (position + extent.bytes - start > limits.bytesLeft && !(isFirst && limits.mustPick)) {
        isCut = true;
        break;
      }
    }
    position += extent.bytes;
    offset = extent.endOffset;
  }
  if (start === undefined || position === start) return undefined;
  return {
    piece: pieceOf(chunk, { start, end: position, baseOffset, endOffset: offset, from: limits.offset }),
    bytes: position - start,
    isCut,
  };
}

function pieceOf(
  chunk: Chunk,
  cut: {
    readonly start: number;
    readonly end: number;
    readonly baseOffset: number;
    readonly endOffset: number;
    readonly from: number;
  },
): ReadPiece {
  const { start, end, baseOffset, endOffset, from } = cut;
  if (chunk.body.kind === 'spilled') {
    const { span } = chunk.body;
    return {
      kind: 'span',
      span: { key: span.key, start: span.start + start, length: end - start },
      baseOffset,
      endOffset,
      ...(chunk.keepsOffsets === true ? { keptFrom: from } : {}),
    };
  }
  const bytes = chunk.body.kind === 'inline' ? chunk.body.bytes.subarray(start, end) : new Uint8Array();
  return { kind: 'bytes', bytes, endOffset };
}

/** One object read that serves several pieces in a row: chunks of one upload lie side by side. */
export interface SpanRead {
  readonly span: ObjectSpan;
  readonly pieces: readonly Extract<ReadPiece, { kind: 'span' }>[];
}

/** Joins neighbouring spans of one object, keeping the order of the pieces. */
export function groupPieces(
  pieces: readonly ReadPiece[],
): (Extract<ReadPiece, { kind: 'bytes' }> | SpanRead)[] {
  const grouped: (Extract<ReadPiece, { kind: 'bytes' }> | SpanRead)[] = [];
  for (const piece of pieces) {
    const last = grouped.at(-1);
    if (piece.kind === 'bytes') grouped.push(piece);
    else if (last !== undefined && 'pieces' in last && continues(last.span, piece.span)) {
      const length = last.span.length + piece.span.length;
      grouped[grouped.length - 1] = { span: { ...last.span, length }, pieces: [...last.pieces, piece] };
    } else grouped.push({ span: piece.span, pieces: [piece] });
  }
  return grouped;
}

function continues(span: ObjectSpan, next: ObjectSpan): boolean {
  return span.key === next.key && span.start + span.length === next.start;
}
