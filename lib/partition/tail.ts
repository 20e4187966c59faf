import { LIMITS } from '../limits.ts';
import type { Rules } from '../rules.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, segmentFromItem } from '../segment/segment-item.ts';
import type { Call } from '../storage/call.ts';
import { ItemReader } from '../storage/format.ts';
import { type Observation, observationAgeMs, olderObservation } from '../storage/observation.ts';
import type { Item, Table } from '../storage/table.ts';
import { type Chunk, chunkFromItem } from './chunk.ts';

/** Where the next chunk goes, and when that was seen. */
export interface Tail {
  readonly offset: number;
  readonly closed: boolean;
  readonly observation: Observation;
}

/** What the catalog says of a partition. Both numbers only grow. */
export interface Bounds {
  /** The end of the segment chain: below it offsets are read from segments. */
  readonly sealedEnd: number;
  readonly logStart: number;
  readonly observation: Observation;
}

interface Tables {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
}

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
  const segment = page.items.find((item) => item.sk !== LOG_START_KEY);
  return {
    sealedEnd: segment === undefined ? 0 : segmentFromItem(segment).endOffset,
    logStart: start === undefined ? 0 : logStartFromItem(start),
    observation: page.observation,
  };
}

function logStartFromItem(item: Item<string>): number {
  return new ItemReader('log start', item).number('s');
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

/**
 * ⚑ The tail is the largest of: end of the newest hot item, end of the segment chain, log start; all read consistently.
 * Expiry deletes items late and in any order, so the newest survivor alone may lie, and a chain that retention emptied
 * must not begin at 0 again. The two looks must belong together: where the hot chain was looked at much later (a process
 * that slept in between), its items may have been sealed and removed since the segments were, so those are read again.
 */
export async function readTail(
  tables: Tables,
  pk: string,
  rules: Rules,
  call: Call,
): Promise<{ readonly tail: Tail; readonly bounds: Bounds }> {
  const [newest, first] = await Promise.all([
    readNewestChunk(tables.hot, pk, call),
    readBounds(tables.catalog, pk, { consistent: true }, call),
  ]);
  const bounds = isMuchLater(newest.observation, first.observation)
    ? await readBounds(tables.catalog, pk, { consistent: true }, call)
    : first;
  const hotEnd = newest.chunk?.endOffset ?? 0;
  const tail = {
    offset: rules.tailRule ? Math.max(hotEnd, bounds.sealedEnd, bounds.logStart) : hotEnd,
    closed: newest.chunk?.body.kind === 'closed',
    observation: olderObservation(newest.observation, bounds.observation),
  };
  return { tail, bounds };
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
