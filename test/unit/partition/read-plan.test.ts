import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../../lib/partition/chunk.ts';
import { contiguousFrom, groupPieces, planRead, type ReadPiece } from '../../../lib/partition/read-plan.ts';

/** Spilled chunks in a row: `sizes[i][j]` are the bytes of batch j of chunk i; every batch covers 3 offsets. */
function chunksOf(sizes: readonly (readonly number[])[]): Chunk[] {
  let baseOffset = 0;
  return sizes.map((batches, index) => {
    const endOffset = baseOffset + batches.length * 3;
    const chunk: Chunk = {
      baseOffset,
      endOffset,
      version: String(index),
      maxTimestampMs: 0,
      identities: [],
      body: {
        kind: 'spilled',
        span: {
          key: `object-${index}`,
          start: 100,
          length: batches.reduce((total, bytes) => total + bytes, 0),
        },
        batches: batches.map((bytes) => ({
          bytes,
          offsetCount: 3,
          maxTimestampMs: 0,
          producerId: -1,
          producerEpoch: -1,
          baseSequence: -1,
        })),
      },
    };
    baseOffset = endOffset;
    return chunk;
  });
}

const spanBytes = (piece: ReadPiece): number =>
  piece.kind === 'span' ? piece.span.length : piece.bytes.length;

const sizes = fc.array(fc.array(fc.integer({ min: 61, max: 500 }), { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 6,
});

describe('planning a read', () => {
  it('begins with the batch that holds the offset, stays within the bytes but for the first batch, and leaves no hole', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.integer({ min: 1, max: 3_000 }), (shape, seed, bytesMax) => {
        const chunks = chunksOf(shape);
        const end = chunks.at(-1)?.endOffset ?? 0;
        const offset = seed % end;
        const pieces = planRead(contiguousFrom(from(chunks, offset), offset, true), offset, bytesMax);
        expect(pieces.length).toBeGreaterThan(0);
        const bytes = pieces.reduce((total, piece) => total + spanBytes(piece), 0);
        const batchCount = pieces.reduce((total, piece) => total + offsetsOf(piece) / 3, 0);
        if (batchCount > 1) expect(bytes).toBeLessThanOrEqual(bytesMax);
        let expected = Math.floor(offset / 3) * 3;
        for (const piece of pieces) {
          if (piece.kind === 'span') expect(piece.baseOffset).toBe(expected);
          expected = piece.endOffset;
        }
      }),
    );
  });

  it('reading on from where each read ended meets every batch exactly once', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 1_500 }), (shape, bytesMax) => {
        const chunks = chunksOf(shape);
        const end = chunks.at(-1)?.endOffset ?? 0;
        let bytes = 0;
        let offset = 0;
        while (offset < end) {
          const pieces = planRead(contiguousFrom(from(chunks, offset), offset, true), offset, bytesMax);
          bytes += pieces.reduce((total, piece) => total + spanBytes(piece), 0);
          const next = pieces.at(-1)?.endOffset ?? offset;
          expect(next).toBeGreaterThan(offset);
          offset = next;
        }
        expect(bytes).toBe(shape.flat().reduce((total, each) => total + each, 0));
      }),
    );
  });

  it('cuts a run at the first gap and at a closed marker', () => {
    const chunks = chunksOf([[100], [100], [100]]);
    const [a, , c] = chunks;
    if (a === undefined || c === undefined) throw new Error('three chunks were made');
    expect(contiguousFrom([a, c], 0, true)).toEqual([a]);
    expect(contiguousFrom([a, c], 0, false)).toEqual([a, c]);
    expect(contiguousFrom([c], 0, true)).toEqual([]);
    const marker: Chunk = { ...a, baseOffset: 3, endOffset: 3, body: { kind: 'closed' } };
    expect(contiguousFrom([a, marker], 0, true)).toEqual([a]);
  });

  it('reads neighbouring spans of one object together and others apart', () => {
    const span = (key: string, start: number): ReadPiece => ({
      kind: 'span',
      span: { key, start, length: 10 },
      baseOffset: 0,
      endOffset: 1,
    });
    const groups = groupPieces([span('a', 0), span('a', 10), span('a', 30), span('b', 40)]);
    expect(
      groups.map((group) => ('pieces' in group ? [group.span.key, group.span.start, group.span.length] : [])),
    ).toEqual([
      ['a', 0, 20],
      ['a', 30, 10],
      ['b', 40, 10],
    ]);
  });
});

/** The chunk that holds the offset and those behind it: what a reader has found before it plans. */
function from(chunks: readonly Chunk[], offset: number): Chunk[] {
  return chunks.filter((chunk) => offset < chunk.endOffset);
}

function offsetsOf(piece: ReadPiece): number {
  return piece.kind === 'span' ? piece.endOffset - piece.baseOffset : 0;
}
