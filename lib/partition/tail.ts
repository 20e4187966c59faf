import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import { producersEndAt } from '../producer/chunk-producers.ts';
import type { Rules } from '../rules.ts';
import { logStartFromItem } from '../segment/log-start.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, segmentFromItem } from '../segment/segment-item.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { type Observation, observationAgeMs, olderObservation } from '../storage/observation.ts';
import type { Table } from '../storage/table.ts';
import { type Chunk, chunkFromItem } from './chunk.ts';
import type { Origins } from './origins.ts';

/** A closed marker that stands. */
export interface Marker {
  readonly baseOffset: number;
  readonly version: string;
  /** Id of the freeze that put it; undefined: its topic was deleted. */
  readonly freeze?: string | undefined;
}

/** Where the next chunk goes, and when that was seen. */
export interface Tail {
  readonly offset: number;
  readonly closed: boolean;
  /** Set where the tail has just been read, and is closed. */
  readonly marker?: Marker | undefined;
  readonly observation: Observation;
  /** The end of the last chunk with producer ids; undefined: all of them lie below the sealed end. */
  readonly producersEnd?: number | undefined;
  /** ⚑ How far the log has the records of other regions, at exactly this tail. */
  readonly origins?: Origins | undefined;
  /** Only where the tail has just been read: the end of the segments in the same look. */
  readonly sealedEnd?: number | undefined;
}

/** What the catalog says of a partition. Both numbers only grow. */
export interface Bounds {
  /** The end of the segment chain: below it offsets are read from segments. */
  readonly sealedEnd: number;
  readonly logStart: number;
  /** At the end of the segments. */
  readonly origins?: Origins | undefined;
  readonly observation: Observation;
}

type Tables = Pick<EngineParts, 'hot' | 'catalog'>;

/** One query: the log start and the last segment are neighbours at the end of the partition's items. */
export async function readBounds(
  catalog: Table<string>,
  pk: string,
  options: { readonly consistent: boolean },
  call: Call,
): Promise<Bounds> {
  const page = await catalog.query(
    pk,
    { from: SEGMENT_PREFIX, to: LOG_START_KEY, reverse: true, limit: 2, consistent: options.consistent },
    call,
  );
  const start = page.items.find((item) => item.sk === LOG_START_KEY);
  const last = page.items.find((item) => item.sk !== LOG_START_KEY);
  const segment = last === undefined ? undefined : segmentFromItem(last);
  return {
    sealedEnd: segment?.endOffset ?? 0,
    logStart: start === undefined ? 0 : logStartFromItem(start).offset,
    origins: segment?.origins,
    observation: page.observation,
  };
}

/** The newest item of the hot chain. */
export async function readNewestChunk(
  hot: Table<number>,
  pk: string,
  call: Call,
): Promise<{ readonly chunk: Chunk | undefined; readonly observation: Observation }> {
  const page = await hot.query(pk, { reverse: true, limit: 1, consistent: true }, call);
  const newest = page.items[0];
  return { chunk: newest === undefined ? undefined : chunkFromItem(newest), observation: page.observation };
}

/** How often the two looks may turn out not to belong together. */
const LOOKS_MAX = 8;

/**
 * ⚑ The tail is the largest of: end of the newest hot item, end of the segment chain, log start; all read consistently.
 * Expiry deletes items late and in any order, so the newest survivor alone may lie, and a chain that retention emptied
 * must not begin at 0 again. The two looks must belong together:
 * - where the hot chain was looked at much later (a process that slept in between), its items may have been sealed and
 *   removed since the segments were, so those are read again;
 * - ⚑ a log start beyond both ends may lie in the middle of a chunk that was appended and trimmed between the looks. No
 *   chunk may begin there: the hot chain is read again, and only if that shows nothing new is the log start the tail.
 */
export async function readTail(
  tables: Tables,
  pk: string,
  rules: Rules,
  call: Call,
): Promise<{ readonly tail: Tail; readonly bounds: Bounds }> {
  let [newest, bounds] = await Promise.all([
    readNewestChunk(tables.hot, pk, call),
    readBounds(tables.catalog, pk, { consistent: true }, call),
  ]);
  for (let looks = 1; ; looks += 1) {
    if (isMuchLater(newest.observation, bounds.observation)) {
      bounds = await readBounds(tables.catalog, pk, { consistent: true }, call);
    }
    const hotEnd = endOf(newest.chunk);
    if (bounds.logStart <= Math.max(hotEnd, bounds.sealedEnd)) break;
    newest = await readNewestChunk(tables.hot, pk, call);
    if (endOf(newest.chunk) === hotEnd && !isMuchLater(newest.observation, bounds.observation)) break;
    if (looks === LOOKS_MAX)
      throw new StorageFault('throttled', `Partition ${pk} moves on during every look`);
  }
  const hotEnd = endOf(newest.chunk);
  const tail = {
    offset: rules.tailRule ? Math.max(hotEnd, bounds.sealedEnd, bounds.logStart) : hotEnd,
    closed: newest.chunk?.body.kind === 'closed',
    marker: newest.chunk === undefined ? undefined : markerOf(newest.chunk),
    observation: olderObservation(newest.observation, bounds.observation),
    producersEnd: producersEndAbove(bounds.sealedEnd, newest.chunk),
    origins: hotEnd >= bounds.sealedEnd && newest.chunk !== undefined ? newest.chunk.origins : bounds.origins,
    sealedEnd: bounds.sealedEnd,
  };
  return { tail, bounds };
}

export function markerOf({ baseOffset, version, body }: Chunk): Marker | undefined {
  return body.kind === 'closed' ? { baseOffset, version, freeze: body.freeze } : undefined;
}

/**
 * ⚑ A log that is empty and begins further on (`beginLogAt`) has a tail with no chunk before it: a marker that was put at 0
 * meanwhile is in nobody's way. No other marker lies below its log's tail.
 */
export function isBuried({ baseOffset }: Pick<Marker, 'baseOffset'>, tailOffset: number): boolean {
  return baseOffset < tailOffset;
}

function endOf(chunk: Chunk | undefined): number {
  return chunk?.endOffset ?? 0;
}

/** ⚑ What is sealed is in the snapshot (lib/producer/keep-producers.ts). */
function producersEndAbove(sealedEnd: number, newest: Chunk | undefined): number | undefined {
  const end = newest === undefined ? undefined : producersEndAt(newest);
  return end !== undefined && end > sealedEnd ? end : undefined;
}

function isMuchLater(observation: Observation, than: Observation): boolean {
  const { sentWallMs, sentMonotonicMs, serverMs } = observation;
  const then = {
    wallMs: sentWallMs,
    monotonicMs: sentMonotonicMs,
    ...(serverMs === undefined ? {} : { signedMs: serverMs }),
  };
  return observationAgeMs(than, then) > LIMITS.fenceAgeMsMax;
}
