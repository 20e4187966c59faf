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
import type { Segment } from '../../segment/segment-item.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { CopiedBatch } from '../copy/read-source.ts';

/** `trimmedFrom`: what lay in the log from there on had been trimmed. */
export type OriginRead = (
  | {
      /** Never empty: one behind the other, without a hole, here and in their own region. */
      readonly kind: 'batches';
      /** Their headers tell their offsets in their own region. */
      readonly batches: readonly CopiedBatch[];
      /** Where they stand in the log: the first one begins there, and the last one ends. */
      readonly from: number;
      readonly to: number;
    }
  /** Nothing of the region lies before this offset of the log, which may go on there. */
  | { readonly kind: 'none'; readonly before: number }
  /** The log was not seen to go on there, and nothing of the region lies before. */
  | { readonly kind: 'atEnd'; readonly offset: number }
  | { readonly kind: 'endsBefore'; readonly endOffset: number }
) & { readonly trimmedFrom?: number };

/** Where to go on in a log that is written in several regions. */
export interface OriginPlace {
  /** Of the log. A batch begins there. */
  readonly offset: number;
  /** Of the region whose records are read: what lies before it there is passed over. */
  readonly sequence: number;
}

/** Reads what was produced in one region out of a log that is written in several. */
export interface OriginReader {
  /** Throws `StorageFault`. */
  read(place: OriginPlace, bytesMax: number, call: Call): Promise<OriginRead>;
  /** What a consistent look has just shown need not be looked at again. */
  learn(bounds: Bounds, endOffset: number): void;
  /** A lower bound of where the log ends. */
  readonly knownEnd: number;
}

/** What one look showed; `moved`: the look goes on at another offset. */
type Look = OriginRead | { readonly kind: 'moved'; readonly to: number };

/** What has been found: `shift` is how much larger offsets are in their own region than here. */
interface Found {
  readonly from: number;
  readonly shift: number;
}

interface LookOptions {
  readonly bytesMax: number;
  readonly sequence: number;
  readonly consistent: boolean;
}

const CHUNKS_PER_PAGE = 64;
/** Pages and segments that one read may pass over before it answers how far it has come. */
const LOOKS_MAX = 64;

/**
 * `region`: alias of another region, whose copies are read; without it what was produced in the log's own one.
 *
 * ⚑ What is a copy, and of what, is told by what is never changed: the chunk, or the segment that it was sealed into. Nothing
 * is passed over that was not seen to be something else; a page of the hot chain is cut at its first gap, and where that
 * leaves nothing, everything is looked at consistently before anything is said.
 */
export function createOriginReader(
  parts: EngineParts,
  sealed: SegmentReader,
  { pk, region }: { readonly pk: string; readonly region?: string | undefined },
): OriginReader {
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

  const look = async (offset: number, options: LookOptions, call: Call): Promise<Look> => {
    if (offset < sealedEnd) return readSealed(offset, options, call);
    const range = { from: offset, limit: CHUNKS_PER_PAGE, consistent: options.consistent };
    const page = (await parts.hot.query(pk, range, call)).items.map(chunkFromItem);
    if (page.length === 0 && offset === knownEnd && !options.consistent) return { kind: 'atEnd', offset };
    const floor = page[0]?.baseOffset === offset ? [] : await floorOf(offset, options.consistent, call);
    const run = contiguousFrom([...floor, ...page], offset, true);
    if (run.length > 0) return foundIn(run, offset, options, call);
    return options.consistent ? atEndForSure(offset, call) : lookForSure(offset, options, call);
  };

  /** The chunk that holds the offset in its middle. */
  const floorOf = async (offset: number, consistent: boolean, call: Call): Promise<readonly Chunk[]> => {
    const range = { to: offset, reverse: true, limit: 1, consistent };
    const chunks = (await parts.hot.query(pk, range, call)).items.map(chunkFromItem);
    return chunks.filter(({ endOffset }) => offset < endOffset);
  };

  /** Undefined: nothing that is to be read. Of a copy in whose middle the sequence lies, what comes from there on is. */
  const foundInChunk = (
    { origin, baseOffset, endOffset }: Chunk,
    { offset, sequence }: OriginPlace,
  ): Found | undefined => {
    if (origin?.region !== region) return undefined;
    const shift = (origin?.baseOffset ?? baseOffset) - baseOffset;
    const from = Math.max(offset, baseOffset, sequence - shift);
    return from < endOffset ? { from, shift } : undefined;
  };

  const foundIn = async (
    run: readonly Chunk[],
    offset: number,
    { bytesMax, sequence }: LookOptions,
    call: Call,
  ): Promise<Look> => {
    const end = run.at(-1)?.endOffset ?? offset;
    knownEnd = Math.max(knownEnd, end);
    const all = run.map((chunk) => foundInChunk(chunk, { offset, sequence }));
    const first = all.findIndex((found) => found !== undefined);
    const found = all[first];
    if (found === undefined) return { kind: 'moved', to: end };
    const behind = all.findIndex((one, at) => at > first && one?.shift !== found.shift);
    const chunks = run.slice(first, behind < 0 ? undefined : behind);
    const pieces = planRead(chunks, found.from, bytesMax);
    return batchesOf(await loadPieces(parts.bucket, pieces, call), found.shift);
  };

  /** The first stretch of a segment that is to be read, from `offset` on; undefined: there is none. */
  const foundInSegment = (
    { foreign, endOffset }: Segment,
    { offset, sequence }: OriginPlace,
  ): (Found & { readonly endOffset: number }) | undefined => {
    if (region === undefined) {
      const from = ownFrom(foreign, offset);
      const end = stretchFrom(foreign, from)?.baseOffset ?? endOffset;
      return from < endOffset ? { from, shift: 0, endOffset: end } : undefined;
    }
    for (const stretch of foreign ?? []) {
      const shift = stretch.sourceOffset - stretch.baseOffset;
      const from = Math.max(offset, stretch.baseOffset, sequence - shift);
      if (stretch.region === region && from < stretch.endOffset)
        return { from, shift, endOffset: stretch.endOffset };
    }
    return undefined;
  };

  const readSealed = async (
    offset: number,
    { bytesMax, sequence, consistent }: LookOptions,
    call: Call,
  ): Promise<Look> => {
    const asked = { pk, offset, consistent };
    const segment = await findSegment({ catalog: parts.catalog, segments }, asked, call);
    if (segment.objectKey === undefined) {
      // Retention takes an object only once the log begins behind it.
      logStart = Math.max(logStart, segment.endOffset);
      return { kind: 'moved', to: offset };
    }
    const found = foundInSegment(segment, { offset, sequence });
    if (found === undefined) return { kind: 'moved', to: segment.endOffset };
    const read = await sealed.read({ ...asked, offset: found.from, bytesMax }, call);
    const batches = read.batches.filter((batch) => readBatchHeader(batch).baseOffset < found.endOffset);
    if (batches.length > 0) return batchesOf(batches, found.shift);
    return { kind: 'moved', to: Math.min(found.endOffset, read.nextOffset) };
  };

  const batchesOf = (all: readonly Uint8Array[], shift: number): Look => {
    const batches: CopiedBatch[] = [];
    let from = 0;
    let to: number | undefined;
    for (const bytes of all) {
      const header = readBatchHeader(bytes);
      const goesOn = to === undefined || header.baseOffset === to;
      if (!goesOn || batches.length === LIMITS.chunkBatchesMax) break;
      verifyBatchCrc(parts.codecs, bytes);
      if (to === undefined) from = header.baseOffset;
      batches.push({ bytes, header: { ...header, baseOffset: header.baseOffset + shift } });
      to = header.baseOffset + header.lastOffsetDelta + 1;
    }
    return { kind: 'batches', batches, from, to: to ?? from };
  };

  const lookForSure = async (offset: number, options: LookOptions, call: Call): Promise<Look> => {
    const before = sealedEnd;
    learn(await readBounds(parts.catalog, pk, { consistent: true }, call));
    if (offset < logStart) return { kind: 'moved', to: offset };
    return sealedEnd > before && offset < sealedEnd
      ? { kind: 'moved', to: offset }
      : look(offset, { ...options, consistent: true }, call);
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
    read: async ({ offset, sequence }, bytesMax, call) => {
      let at = offset;
      let trimmedFrom: number | undefined;
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        await freshenBounds(call);
        if (at < logStart) trimmedFrom ??= at;
        const from = Math.max(at, logStart);
        const seen = await lookAgainIfDamaged(`Partition ${pk}`, (again) =>
          look(from, { bytesMax, sequence, consistent: again }, call),
        );
        if (seen.kind !== 'moved') return withTrimmed(seen, trimmedFrom);
        at = seen.to;
      }
      if (at > offset) return withTrimmed({ kind: 'none', before: at }, trimmedFrom);
      throw new StorageFault('throttled', `Partition ${pk} moves on during every look`);
    },
    learn: (bounds, endOffset) => {
      learn(bounds);
      knownEnd = Math.max(knownEnd, endOffset);
      boundsMs = parts.clock.monotonicMs();
    },
    get knownEnd() {
      return knownEnd;
    },
  };
}

function withTrimmed(read: OriginRead, trimmedFrom: number | undefined): OriginRead {
  return trimmedFrom === undefined ? read : { ...read, trimmedFrom };
}

/** The first offset, from one on, that no copy holds. */
function ownFrom(foreign: Segment['foreign'], offset: number): number {
  const next = stretchFrom(foreign, offset);
  return next !== undefined && next.baseOffset <= offset ? ownFrom(foreign, next.endOffset) : offset;
}
