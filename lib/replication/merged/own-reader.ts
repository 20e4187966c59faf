import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import { type Chunk, chunkFromItem } from '../../partition/chunk.ts';
import { lookAgainIfDamaged } from '../../partition/faults.ts';
import { loadPieces } from '../../partition/load-pieces.ts';
import { contiguousFrom, planRead } from '../../partition/read-plan.ts';
import { type Bounds, readBounds, readTail } from '../../partition/tail.ts';
import { verifyBatchCrc } from '../../record/checksum.ts';
import { readBatchHeader } from '../../record/header.ts';
import { stretchFrom } from '../../segment/foreign-stretches.ts';
import { findSegment } from '../../segment/read/find-segment.ts';
import { type SegmentCache, segmentCache } from '../../segment/read/segment-cache.ts';
import type { SegmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { CopiedBatch } from '../copy/read-source.ts';

export type OwnRead =
  /** Never empty: one behind the other, without a hole. `trimmedFrom`: what lay from there on had been trimmed. */
  | { readonly kind: 'batches'; readonly batches: readonly CopiedBatch[]; readonly trimmedFrom?: number }
  /** Nothing of the region's own lies before this offset; the log may go on there. */
  | { readonly kind: 'none'; readonly before: number }
  /** The log was not seen to go on there, and nothing of the region's own lies before. */
  | { readonly kind: 'atEnd'; readonly offset: number }
  | { readonly kind: 'endsBefore'; readonly endOffset: number };

/** Reads what was produced in its own region out of a log that is written in several. */
export interface OwnReader {
  /** From `offset` on, where a batch begins. Throws `StorageFault`. */
  read(offset: number, bytesMax: number, call: Call): Promise<OwnRead>;
  /** A lower bound of where the log ends. */
  readonly knownEnd: number;
}

type OwnBatches = Extract<OwnRead, { readonly kind: 'batches' }>;
/** What one look showed; `moved`: the look goes on at another offset. */
type Look = OwnBatches | Exclude<OwnRead, OwnBatches> | { readonly kind: 'moved'; readonly to: number };

const CHUNKS_PER_PAGE = 64;
/** Pages and segments that one read may pass over before it answers how far it has come. */
const LOOKS_MAX = 64;

/**
 * ⚑ What is a copy is told by what is never changed: the chunk, or the segment that it was sealed into. Nothing is passed
 * over that was not seen to be one; a page of the hot chain is cut at its first gap, and where that leaves nothing,
 * everything is looked at consistently before anything is said.
 */
export function createOwnReader(parts: EngineParts, sealed: SegmentReader, pk: string): OwnReader {
  const segments: SegmentCache = segmentCache(parts.clock);
  let sealedEnd = 0;
  let logStart = 0;
  let knownEnd = 0;
  let boundsMs = Number.NEGATIVE_INFINITY;

  const learn = (bounds: Bounds): void => {
    sealedEnd = Math.max(sealedEnd, bounds.sealedEnd);
    logStart = Math.max(logStart, bounds.logStart);
    knownEnd = Math.max(knownEnd, sealedEnd);
  };

  /** Both only grow, so that what is a minute old is late at worst. */
  const freshenBounds = async (call: Call): Promise<void> => {
    const nowMs = parts.clock.monotonicMs();
    if (nowMs - boundsMs < LIMITS.topicCacheMsMax) return;
    learn(await readBounds(parts.catalog, pk, { consistent: false }, call));
    boundsMs = nowMs;
  };

  const look = async (
    offset: number,
    options: { readonly bytesMax: number; readonly consistent: boolean },
    call: Call,
  ): Promise<Look> => {
    if (offset < sealedEnd) return readSealed(offset, options, call);
    const range = { from: offset, limit: CHUNKS_PER_PAGE, consistent: options.consistent };
    const page = (await parts.hot.query(pk, range, call)).items.map(chunkFromItem);
    if (page.length === 0 && offset === knownEnd && !options.consistent) return { kind: 'atEnd', offset };
    const floor = page[0]?.baseOffset === offset ? [] : await floorOf(offset, options.consistent, call);
    const run = contiguousFrom([...floor, ...page], offset, true);
    if (run.length > 0) return ownOf(run, offset, options.bytesMax, call);
    return options.consistent ? atEndForSure(offset, call) : lookForSure(offset, options.bytesMax, call);
  };

  /** The chunk that holds the offset in its middle. */
  const floorOf = async (offset: number, consistent: boolean, call: Call): Promise<readonly Chunk[]> => {
    const range = { to: offset, reverse: true, limit: 1, consistent };
    const chunks = (await parts.hot.query(pk, range, call)).items.map(chunkFromItem);
    return chunks.filter(({ endOffset }) => offset < endOffset);
  };

  const ownOf = async (
    run: readonly Chunk[],
    offset: number,
    bytesMax: number,
    call: Call,
  ): Promise<Look> => {
    knownEnd = Math.max(knownEnd, run.at(-1)?.endOffset ?? 0);
    const first = run.findIndex(({ origin }) => origin === undefined);
    if (first < 0) return { kind: 'moved', to: run.at(-1)?.endOffset ?? offset };
    const behind = run.findIndex(({ origin }, at) => at > first && origin !== undefined);
    const own = run.slice(first, behind < 0 ? undefined : behind);
    const pieces = planRead(own, Math.max(offset, own[0]?.baseOffset ?? offset), bytesMax);
    return batchesOf(await loadPieces(parts.bucket, pieces, call));
  };

  const readSealed = async (
    offset: number,
    { bytesMax, consistent }: { readonly bytesMax: number; readonly consistent: boolean },
    call: Call,
  ): Promise<Look> => {
    const asked = { pk, offset, consistent };
    const segment = await findSegment({ catalog: parts.catalog, segments }, asked, call);
    if (segment.objectKey === undefined) return { kind: 'moved', to: segment.endOffset };
    const next = stretchFrom(segment.foreign, offset);
    if (next !== undefined && next.baseOffset <= offset) return { kind: 'moved', to: next.endOffset };
    const read = await sealed.read({ ...asked, bytesMax }, call);
    const end = next?.baseOffset ?? segment.endOffset;
    const own = read.batches.filter((batch) => readBatchHeader(batch).baseOffset < end);
    return own.length > 0 ? batchesOf(own) : { kind: 'moved', to: Math.min(end, read.nextOffset) };
  };

  const batchesOf = (all: readonly Uint8Array[]): Look => {
    const batches: CopiedBatch[] = [];
    let end: number | undefined;
    for (const bytes of all) {
      const header = readBatchHeader(bytes);
      const goesOn = end === undefined || header.baseOffset === end;
      if (!goesOn || batches.length === LIMITS.chunkBatchesMax) break;
      verifyBatchCrc(parts.codecs, bytes);
      batches.push({ bytes, header });
      end = header.baseOffset + header.lastOffsetDelta + 1;
    }
    return { kind: 'batches', batches };
  };

  const lookForSure = async (offset: number, bytesMax: number, call: Call): Promise<Look> => {
    const before = sealedEnd;
    learn(await readBounds(parts.catalog, pk, { consistent: true }, call));
    if (offset < logStart) return { kind: 'moved', to: offset };
    return sealedEnd > before && offset < sealedEnd
      ? { kind: 'moved', to: offset }
      : look(offset, { bytesMax, consistent: true }, call);
  };

  const atEndForSure = async (offset: number, call: Call): Promise<Look> => {
    const { tail, bounds } = await readTail(parts, pk, parts.rules, call);
    learn(bounds);
    knownEnd = Math.max(knownEnd, tail.offset);
    if (tail.offset < offset) return { kind: 'endsBefore', endOffset: tail.offset };
    // Something was appended, sealed or trimmed since.
    if (tail.offset > offset) return { kind: 'moved', to: offset };
    return { kind: 'atEnd', offset };
  };

  return {
    read: async (offset, bytesMax, call) => {
      let at = offset;
      let trimmedFrom: number | undefined;
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        await freshenBounds(call);
        if (at < logStart) trimmedFrom ??= at;
        const from = Math.max(at, logStart);
        const seen = await lookAgainIfDamaged(`Partition ${pk}`, (again) =>
          look(from, { bytesMax, consistent: again }, call),
        );
        if (seen.kind !== 'moved') return withTrimmed(seen, trimmedFrom);
        at = seen.to;
      }
      if (at > offset) return { kind: 'none', before: at };
      throw new StorageFault('throttled', `Partition ${pk} moves on during every look`);
    },
    get knownEnd() {
      return knownEnd;
    },
  };
}

function withTrimmed(read: OwnRead, trimmedFrom: number | undefined): OwnRead {
  return read.kind === 'batches' && trimmedFrom !== undefined ? { ...read, trimmedFrom } : read;
}
