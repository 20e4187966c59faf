import type { EngineParts } from '../../engine-parts.ts';
import { chunkFromItem } from '../../partition/chunk.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem, segmentSortKey } from '../../segment/segment-item.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { SeenLog } from './origins-at.ts';

type Tables = Pick<EngineParts, 'hot' | 'catalog'>;

/** Offsets from the first up to the one before the last. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/** Looks for what was produced in a log's own region. One for each region; any number of partitions. */
export interface OwnScan {
  /**
   * The first such offset in the range, else its end. Where that cannot be told in a bounded number of reads, an offset before
   * it if the scan `endsEarly`, else a `StorageFault` (`throttled`): the next look goes on there. No record is read: what is a
   * copy stands in the items of chunks and segments. Throws `StorageFault`.
   */
  firstOwn(log: SeenLog, range: OffsetRange, call: Call): Promise<number>;
}

const SEGMENTS_PER_PAGE = 64;
const CHUNKS_PER_PAGE = 64;
/** Of one look: the next one goes on behind it. */
const PAGES_MAX = 256;
const PARTITIONS_MAX = 10_000;
const RANGES_MAX = 8;

/**
 * By partition, ranges that were found to be copies all through, the one that grew last first. They stay so, and are not looked
 * at again: groups that stand apart do not make each other begin anew.
 */
export type KnownCopies = Map<string, readonly OffsetRange[]>;

export function createOwnScan(
  {
    hot,
    catalog,
    pagesMax = PAGES_MAX,
    endsEarly = false,
  }: Tables & { readonly pagesMax?: number; readonly endsEarly?: boolean },
  copies: KnownCopies = new Map(),
): OwnScan {
  const tables = { hot, catalog, pagesMax };

  const learn = (pk: string, { from, to }: OffsetRange): void => {
    const known = copies.get(pk) ?? [];
    const joined = known.find((one) => one.from <= from && from <= one.to);
    const range = joined === undefined ? { from, to } : { from: joined.from, to: Math.max(joined.to, to) };
    if (copies.size >= PARTITIONS_MAX) copies.clear();
    copies.set(pk, [range, ...known.filter((one) => one !== joined)].slice(0, RANGES_MAX));
  };

  return {
    firstOwn: async (log, { from, to }, call) => {
      if (from >= to) return to;
      const known = copies.get(log.pk)?.find((one) => one.from <= from && from < one.to);
      const start = known?.to ?? from;
      const { sealedEnd } = log.bounds;
      const sealed = { from: start, to: Math.min(to, sealedEnd) };
      let seen: Scan = { at: start };
      if (sealed.from < sealed.to) seen = await ownInSegments(tables, log, sealed, call);
      if (seen.at >= sealedEnd && seen.at < to) {
        seen = await ownInChunks(tables, log, { from: seen.at, to }, call);
      }
      const { at, isCut = false } = seen;
      if (at > from) learn(log.pk, { from, to: at });
      if (isCut && at < to && !endsEarly) {
        throw new StorageFault('throttled', `Partition ${log.pk} has more copies than one look goes through`);
      }
      return Math.min(at, to);
    },
  };
}

type Scanned = Tables & { readonly pagesMax: number };

/** What was found at an offset, or that nothing was before it; `isCut`: because there are too many pages. */
interface Scan {
  readonly at: number;
  readonly isCut?: boolean;
}

async function ownInSegments(
  { catalog, pagesMax }: Scanned,
  { pk }: SeenLog,
  { from, to }: OffsetRange,
  call: Call,
): Promise<Scan> {
  const floor = { from: SEGMENT_PREFIX, to: segmentSortKey(from), reverse: true, limit: 1, consistent: true };
  let segments = (await catalog.query(pk, floor, call)).items.map(segmentFromItem);
  let at = from;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    for (const segment of segments) {
      if (segment.endOffset <= at) continue;
      const own = segment.baseOffset > at ? at : ownIn(segment, at);
      if (own !== undefined) return { at: own };
      at = segment.endOffset;
    }
    const last = segments.at(-1);
    if (at >= to || last === undefined) return { at };
    const after = segmentSortKey(last.baseOffset);
    const range = { from: after, to: segmentSortKey(to), after, limit: SEGMENTS_PER_PAGE, consistent: true };
    segments = (await catalog.query(pk, range, call)).items.map(segmentFromItem);
  }
  return { at, isCut: true };
}

/** From `offset` on; undefined: all of it is copies. */
function ownIn({ endOffset, objectKey, foreign = [] }: Segment, offset: number): number | undefined {
  if (objectKey === undefined) return undefined;
  let at = offset;
  for (const stretch of foreign) {
    if (stretch.endOffset <= at) continue;
    if (stretch.baseOffset > at) return at;
    at = stretch.endOffset;
  }
  return at < endOffset ? at : undefined;
}

async function ownInChunks(
  { hot, pagesMax }: Scanned,
  { pk }: SeenLog,
  { from, to }: OffsetRange,
  call: Call,
): Promise<Scan> {
  const floor = { to: from, reverse: true, limit: 1, consistent: true };
  let chunks = (await hot.query(pk, floor, call)).items.map(chunkFromItem);
  let at = from;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    for (const { baseOffset, endOffset, origin } of chunks) {
      if (endOffset <= at) continue;
      // Own ones; or a hole, because the log was sealed or trimmed meanwhile.
      if (origin === undefined || baseOffset > at) return { at };
      at = endOffset;
    }
    const last = chunks.at(-1);
    if (at >= to || last === undefined) return { at };
    const range = { from: last.baseOffset, after: last.baseOffset, to: to - 1, limit: CHUNKS_PER_PAGE };
    chunks = (await hot.query(pk, { ...range, consistent: true }, call)).items.map(chunkFromItem);
  }
  return { at, isCut: true };
}
