import type { EngineParts } from '../../engine-parts.ts';
import { type Chunk, chunkFromItem } from '../../partition/chunk.ts';
import type { Bounds, Tail } from '../../partition/tail.ts';
import { stretchFrom } from '../../segment/foreign-stretches.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem, segmentSortKey } from '../../segment/segment-item.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';

type Tables = Pick<EngineParts, 'hot' | 'catalog'>;

/** One partition of a merged topic, as it was seen. */
export interface SeenLog {
  readonly pk: string;
  readonly tail: Tail;
  readonly bounds: Bounds;
}

/** How far a log has the records of other regions below an offset: by alias, the offset behind the last of them there. */
export type OffsetsByRegion = ReadonlyMap<string, number>;

/** As of `offset`, which lies between the log's start and its end. Throws `StorageFault`. */
export async function originsAt(
  tables: Tables,
  log: SeenLog,
  offset: number,
  call: Call,
): Promise<OffsetsByRegion> {
  const { tail, bounds } = log;
  if (offset >= tail.offset) return endsOf(tail);
  if (offset >= bounds.sealedEnd) return inChunk(await chunkAt(tables, log, offset, call), offset);
  return inSegment(await segmentAt(tables, log, offset, call), offset);
}

/**
 * The first offset from which on the log has a record of `region` that stands at `sourceOffset` or behind it there; its end
 * if it has none. Of what was deleted, where it stood at the earliest. A binary search: `u` never falls along the log.
 */
export async function firstFrom(
  tables: Tables,
  log: SeenLog,
  { region, sourceOffset }: { readonly region: string; readonly sourceOffset: number },
  call: Call,
): Promise<number> {
  const { tail, bounds } = log;
  const isBehind = (of: Told): boolean => endIn(of, region) > sourceOffset;
  if (!isBehind(tail)) return tail.offset;
  if (!isBehind(bounds)) {
    const range = { from: bounds.sealedEnd, to: tail.offset };
    const chunk = await firstWhere<Chunk>(range, (at) => chunkAt(tables, log, at, call), isBehind);
    const { origin, baseOffset } = chunk;
    return origin?.region === region
      ? baseOffset + Math.max(0, sourceOffset - origin.baseOffset)
      : baseOffset;
  }
  const range = { from: Math.min(bounds.logStart, bounds.sealedEnd), to: bounds.sealedEnd };
  const segment = await firstWhere<Segment>(range, (at) => segmentAt(tables, log, at, call), isBehind);
  const stretch = (segment.foreign ?? []).find(
    (one) => one.region === region && one.sourceOffset + one.endOffset - one.baseOffset > sourceOffset,
  );
  return stretch === undefined
    ? segment.baseOffset
    : stretch.baseOffset + Math.max(0, sourceOffset - stretch.sourceOffset);
}

type Told = Pick<Chunk, 'origins'> | Pick<Tail, 'origins'>;

const endIn = ({ origins }: Told, region: string): number => origins?.get(region)?.endOffset ?? 0;

function endsOf({ origins }: Told): Map<string, number> {
  return new Map(Array.from(origins ?? [], ([region, { endOffset }]) => [region, endOffset]));
}

function inChunk(chunk: Chunk, offset: number): OffsetsByRegion {
  const ends = endsOf(chunk);
  const { origin, baseOffset } = chunk;
  return origin === undefined ? ends : ends.set(origin.region, origin.baseOffset + offset - baseOffset);
}

function inSegment(segment: Segment, offset: number): OffsetsByRegion {
  const ends = endsOf(segment);
  for (const region of ends.keys()) {
    const ofRegion = (segment.foreign ?? []).filter((stretch) => stretch.region === region);
    const next = stretchFrom(ofRegion, offset);
    if (next !== undefined) ends.set(region, next.sourceOffset + Math.max(0, offset - next.baseOffset));
  }
  return ends;
}

/** The first link of a chain for which something holds that holds for all behind it, and for the last. */
async function firstWhere<T extends { readonly baseOffset: number; readonly endOffset: number }>(
  range: { readonly from: number; readonly to: number },
  linkAt: (offset: number) => Promise<T>,
  holds: (link: T) => boolean,
): Promise<T> {
  let { from, to } = range;
  let found = await linkAt(to - 1);
  to = found.baseOffset;
  while (from < to) {
    const link = await linkAt(Math.floor((from + to) / 2));
    if (holds(link)) {
      found = link;
      to = link.baseOffset;
    } else from = link.endOffset;
  }
  return found;
}

async function chunkAt({ hot }: Tables, { pk }: SeenLog, offset: number, call: Call): Promise<Chunk> {
  const { items } = await hot.query(pk, { to: offset, reverse: true, limit: 1, consistent: true }, call);
  const chunk = items[0] === undefined ? undefined : chunkFromItem(items[0]);
  if (chunk === undefined || chunk.endOffset <= offset) throw moved(pk, offset);
  return chunk;
}

async function segmentAt({ catalog }: Tables, { pk }: SeenLog, offset: number, call: Call): Promise<Segment> {
  const range = { from: SEGMENT_PREFIX, to: segmentSortKey(offset), reverse: true, limit: 1 };
  const { items } = await catalog.query(pk, { ...range, consistent: true }, call);
  const segment = items[0] === undefined ? undefined : segmentFromItem(items[0]);
  if (segment === undefined || segment.endOffset <= offset) throw moved(pk, offset);
  return segment;
}

/** Sealed, or removed by retention, since the log was looked at. */
function moved(pk: string, offset: number): StorageFault {
  return new StorageFault(
    'throttled',
    `Partition ${pk} was changed at offset ${offset} while it was looked at`,
  );
}
