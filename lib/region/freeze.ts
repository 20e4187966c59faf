import type { EngineParts } from '../engine-parts.ts';
import { MillraceError } from '../errors.ts';
import { storageMs } from '../group/storage-time.ts';
import { closePartition } from '../partition/close-partition.ts';
import { isBuried, markerOf, readBounds, readNewestChunk } from '../partition/tail.ts';
import type { RegionDescription } from '../region.ts';
import type { Call } from '../storage/call.ts';
import type { Condition } from '../storage/table.ts';
import { eachPartition } from '../topic/close-topic.ts';
import { type FreezeState, freezeFromItem, freezeToItem, readFreeze } from '../topic/freeze-item.ts';
import { TopicCatalog } from '../topic/topic-catalog.ts';

const TRIES_MAX = 8;
/** What is kept of a call's time for its answer. */
const ANSWER_MS = 1_000;

/** What one pass over all partitions has found. */
interface Pass {
  readonly partitionCount: number;
  readonly closedCount: number;
  /** False if time ran out. */
  readonly isWhole: boolean;
}

export async function describeRegion(parts: EngineParts, call: Call): Promise<RegionDescription> {
  const { state } = await readFreeze(parts.catalog, call);
  const pass = await overAll(parts, call, async (pk) => {
    const { chunk } = await readNewestChunk(parts.hot, pk, call);
    if (chunk?.body.kind !== 'closed') return false;
    if (chunk.baseOffset > 0) return true;
    const { logStart } = await readBounds(parts.catalog, pk, { consistent: true }, call);
    return !isBuried(chunk, logStart);
  });
  return description(state, pass);
}

/**
 * ⚑ The state first, then the markers: whoever makes a topic after the list of topics was read finds the state, and closes
 * it himself. The list is read again behind the markers, because a creation may have been on its way.
 */
export async function freezeRegion(parts: EngineParts, call: Call): Promise<RegionDescription> {
  const state = await changeState(parts, call, (before) => before?.freeze ?? parts.random.id());
  const freeze = state?.freeze;
  if (freeze === undefined) throw beingChanged();
  const known = new Set<string>();
  const close = async (pk: string): Promise<boolean> => {
    if (!known.has(pk)) await closePartition(parts, pk, call, freeze);
    known.add(pk);
    return true;
  };
  let pass = await overAll(parts, call, close);
  if (pass.isWhole) pass = await overAll(parts, call, close);
  const { state: now } = await readFreeze(parts.catalog, call);
  if (now?.freeze === freeze) return description(now, pass);
  // Thawed in the meantime: whoever did that may have passed by before the marker was put.
  return description(now, await openAll(parts, call));
}

export async function thawRegion(parts: EngineParts, call: Call): Promise<RegionDescription> {
  await changeState(parts, call, () => undefined);
  const pass = await openAll(parts, call);
  const { state } = await readFreeze(parts.catalog, call);
  return description(state, pass);
}

/**
 * ⚑ A marker is taken away only where the state says after the marker was seen that the region is open: a freeze that begins
 * later replaces what it finds, so that this delete does not meet its marker. Markers of deletions stay.
 */
function openAll(parts: EngineParts, call: Call): Promise<Pass> {
  return overAll(parts, call, async (pk) => {
    const { chunk } = await readNewestChunk(parts.hot, pk, call);
    const marker = chunk === undefined ? undefined : markerOf(chunk);
    if (marker === undefined) return false;
    if (marker.freeze === undefined) return true;
    const { state } = await readFreeze(parts.catalog, call);
    if (state?.freeze !== undefined) return true;
    await parts.hot.delete({ pk, sk: marker.baseOffset }, { ifVersion: marker.version }, call);
    return false;
  });
}

/** `work` answers whether the partition is closed. Nothing is begun when the call's time is nearly over. */
async function overAll(
  parts: EngineParts,
  call: Call,
  work: (pk: string) => Promise<boolean>,
): Promise<Pass> {
  const topics = await new TopicCatalog({ ...parts, partitionCountDefault: 1 }).list(call);
  const lastMs = call.deadlineMs - ANSWER_MS;
  let partitionCount = 0;
  let closedCount = 0;
  let isWhole = true;
  for (const topic of topics) {
    partitionCount += topic.partitionCount;
    await eachPartition(topic, async (pk) => {
      if (parts.clock.monotonicMs() >= lastMs) isWhole = false;
      else if (await work(pk)) closedCount += 1;
    });
  }
  return { partitionCount, closedCount, isWhole };
}

/** Answers the state as it is now; nothing is written if it is already so. */
async function changeState(
  { catalog, random }: EngineParts,
  call: Call,
  wanted: (before: FreezeState | undefined) => string | undefined,
): Promise<FreezeState | undefined> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { state: before, observation } = await readFreeze(catalog, call);
    const freeze = wanted(before);
    if (before?.freeze === freeze) return before;
    const state: FreezeState = { freeze, sinceMs: storageMs(observation), version: random.id() };
    const condition: Condition =
      before === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: before.version };
    const result = await catalog.put(freezeToItem(state), { condition }, call);
    if (result.stored) return state;
    // An earlier attempt of this put may have been stored and changed since: what stands decides.
    if (result.standing !== undefined && freezeFromItem(result.standing).freeze === freeze) return state;
  }
  throw beingChanged();
}

function beingChanged(): MillraceError {
  return new MillraceError('REQUEST_TIMED_OUT', 'The region is being frozen or thawed by others; try again');
}

function description(state: FreezeState | undefined, pass: Pass): RegionDescription {
  const { partitionCount, closedCount, isWhole } = pass;
  const isFrozen = state?.freeze !== undefined;
  const isAsSaid = isFrozen ? closedCount === partitionCount : closedCount === 0;
  return {
    state: isFrozen ? 'FROZEN' : 'OPEN',
    ...(state === undefined ? {} : { sinceMs: state.sinceMs }),
    partitionCount,
    closedCount,
    isComplete: isWhole && isAsSaid,
  };
}
