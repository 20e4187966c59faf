import type { EngineParts } from '../../engine-parts.ts';
import { atOnce } from '../../group/at-once.ts';
import type { Group } from '../../group/group-item.ts';
import { changeGroup, newGroup, readGroup } from '../../group/group-store.ts';
import { isOccupied, livingGroup, OUTSIDE_SIGN_MS } from '../../group/members/empty-group.ts';
import { offsetsOf } from '../../group/offsets/committed.ts';
import { mayChangeFromOutside } from '../../group/offsets/offset-fence.ts';
import {
  type CommittedPosition,
  offsetSortKey,
  type StandingOffset,
} from '../../group/offsets/offset-item.ts';
import { putOffset } from '../../group/offsets/put-offset.ts';
import { storageMs } from '../../group/storage-time.ts';
import { partitionKey } from '../../partition/chunk.ts';
import type { Call } from '../../storage/call.ts';
import { type Observation, observeNow } from '../../storage/observation.ts';
import { beginOf } from '../../topic/remote-origin.ts';
import type { Topic } from '../../topic/topic-item.ts';
import { isStillCopy } from '../copy/target-topic.ts';
import type { PositionTranslator, TranslatedPosition } from '../merged/translate-position.ts';
import type { SourceRegion } from '../source-region.ts';
import type { MirrorCheckpoint } from './mirror-records.ts';
import { type BothPositions, carriedOffset, offsetToCarry } from './plan-position.ts';
import type { MappedTopic, TopicMap } from './topic-map.ts';

export interface GroupSyncParts {
  /** The region that is carried into. */
  readonly target: EngineParts;
  /** Its alias. */
  readonly region: string;
  readonly source: SourceRegion;
  readonly topics: TopicMap;
  /** From the source to the target. */
  readonly translator: PositionTranslator;
  /** Where a partition of the target ends at least: `wanted`, or what a consistent look says. */
  readonly endOf: (
    topic: Topic,
    place: { readonly partition: number; readonly wanted: number },
    call: Call,
  ) => Promise<number>;
}

export interface GroupSync {
  /** Positions that local clients of the source committed, as they are in the target; by partition. */
  readonly checkpoints: readonly MirrorCheckpoint[];
  /** Whether nothing is left to be done until somebody commits in the source. */
  readonly isSettled: boolean;
}

/** A position of the source whose topic is here too. */
interface Place {
  readonly theirs: StandingOffset & { readonly position: CommittedPosition };
  readonly here: MappedTopic;
}

const PLACES_AT_ONCE = 16;
const NOTHING: GroupSync = { checkpoints: [], isSettled: true };

/**
 * Carries the positions of one group over from the source, if it has no members here.
 *
 * ⚑ In this order: the group and its positions here, then those of the source, then the puts on top of exactly what was
 * seen here. So whatever another replicator has carried over by then was read before what this one carries, and one that
 * slept in between stores nothing.
 */
export async function syncGroup(parts: GroupSyncParts, groupId: string, call: Call): Promise<GroupSync> {
  const { target, source } = parts;
  const began = observeNow(target.clock);
  const seen = await livingGroup(target, groupId, call);
  const isFree = !isOccupied(seen);
  const ours =
    isFree && seen.group !== undefined
      ? await standingOffsets(target, seen.group, call)
      : new Map<string, StandingOffset>();
  const there = await readGroup(source.parts, groupId, { consistent: true }, call);
  if (there.group === undefined) return NOTHING;
  const places = await placesOf(parts, there.group, call);
  if (places.length === 0) return NOTHING;

  const group = isFree
    ? await livelyGroup(parts, { groupId, there: there.group, before: seen.group }, call)
    : undefined;
  const done = await atOnce(places, PLACES_AT_ONCE, (place) =>
    carry(parts, { place, group, ours: ours.get(keyOf(place)), began }, call),
  );
  return {
    checkpoints: done
      .map(({ offset }, at) => checkpointOf(groupId, places[at], offset))
      .flatMap((one) => one ?? []),
    isSettled: group !== undefined && done.every(({ isSettled }) => isSettled),
  };
}

/** ⚑ Those that were carried over to the source are not carried further. */
async function placesOf(parts: GroupSyncParts, there: Group, call: Call): Promise<readonly Place[]> {
  const { target, source, topics } = parts;
  const places: Place[] = [];
  for await (const page of offsetsOf(source.parts, there.incarnation, call)) {
    for (const { position, ...offset } of page) {
      if (position === undefined) continue;
      if (target.rules.syncedOffsetStays && position.source !== undefined) continue;
      const here = await topics(offset, call);
      const isThere = here !== undefined && offset.partition < here.topic.partitionCount;
      if (isThere) places.push({ theirs: { ...offset, position }, here });
    }
  }
  return places;
}

async function standingOffsets(
  target: EngineParts,
  { incarnation }: Group,
  call: Call,
): Promise<Map<string, StandingOffset>> {
  const found = new Map<string, StandingOffset>();
  for await (const page of offsetsOf(target, incarnation, call)) {
    for (const offset of page) found.set(offsetSortKey(offset.topicId, offset.partition), offset);
  }
  return found;
}

function keyOf({ theirs, here }: Place): string {
  return offsetSortKey(here.topic.topicId, theirs.partition);
}

/**
 * The group here, made if it is not there. It is as lively as that of the source: one that is used there does not expire
 * here, and ⚑ two that nobody uses do not keep each other alive. Undefined: somebody has joined or deleted it.
 */
async function livelyGroup(
  { target }: GroupSyncParts,
  {
    groupId,
    there,
    before,
  }: { readonly groupId: string; readonly there: Group; readonly before: Group | undefined },
  call: Call,
): Promise<Group | undefined> {
  const livelyMs = (observation: Observation): number => {
    const nowMs = storageMs(observation);
    return there.roster.length > 0 ? nowMs : Math.min(there.changedMs, nowMs);
  };
  const isLively =
    before !== undefined && livelyMs(observeNow(target.clock)) - before.changedMs <= OUTSIDE_SIGN_MS;
  if (isLively) return before;
  const changed = await changeGroup(
    target,
    groupId,
    (now) => {
      if (isOccupied(now) || now.group?.incarnation !== before?.incarnation) return 'unchanged';
      const changedMs = Math.max(livelyMs(now.observation), now.group?.changedMs ?? 0);
      if (changedMs === now.group?.changedMs) return 'unchanged';
      return { ...(now.group ?? newGroup(target, now)), changedMs };
    },
    call,
  );
  const isSame = before === undefined || changed.group?.incarnation === before.incarnation;
  return isSame && !isOccupied(changed) ? changed.group : undefined;
}

interface Carry {
  readonly place: Place;
  /** Undefined: the group is not free, and nothing is stored. */
  readonly group: Group | undefined;
  readonly ours: StandingOffset | undefined;
  readonly began: Observation;
}

/** `offset`: what the source's position is in the target, at most the end. */
async function carry(
  parts: GroupSyncParts,
  { place, group, ours, began }: Carry,
  call: Call,
): Promise<{ readonly offset: number; readonly isSettled: boolean }> {
  const { target, region, source } = parts;
  const { theirs, here } = place;
  const { partition } = theirs;
  const { isFinal, ...translated } = await translatedPosition(parts, place, call);
  const wanted = translated.offset;
  const end = target.rules.syncedOffsetBounded
    ? await parts.endOf(here.topic, { partition, wanted }, call)
    : wanted;
  const told = { offset: Math.min(wanted, end), isSettled: wanted <= end && isFinal };
  if (group === undefined) return told;
  // Nobody has copied anything yet: before its beginning a position would be none.
  if (end < beginOf(here.topic.remote, partition)) return { ...told, isSettled: false };
  if (!mayChangeFromOutside(ours, group.groupEpoch)) return { ...told, isSettled: false };
  const both: BothPositions = {
    ...{ source: source.alias, region, theirs, ours },
    ...(here.isMerged || wanted !== theirs.position.offset ? { translated } : {}),
  };
  const offset = offsetToCarry(both);
  const carried = offset === undefined ? undefined : carriedOffset({ ...both, offset, end });
  if (carried === undefined || !(await isStillThere(parts, place, call))) return told;
  const { name, topicId } = here.topic;
  const takenAt = group.groupEpoch;
  const next = { topic: name, topicId, partition, owner: undefined, takenAt, ...carried };
  const { incarnation } = group;
  const { stored } = await putOffset(target, { incarnation, standing: ours, next, began }, call);
  return { ...told, isSettled: told.isSettled && stored };
}

/**
 * ⚑ Behind the end of a copy that was promoted come records of here, which nobody has read for having read as far there. Asked
 * after its end was looked at: where it still is a copy, that was the copy's end.
 */
async function isStillThere(
  { target }: GroupSyncParts,
  { theirs, here }: Place,
  call: Call,
): Promise<boolean> {
  const { name, topicId, remote } = here.topic;
  if (remote?.policy !== 'identity') return true;
  const sourcePk = partitionKey(theirs.topicId, theirs.partition);
  const targetPk = partitionKey(topicId, theirs.partition);
  return isStillCopy(target, { targetTopic: name, targetPk, sourcePk }, call);
}

async function translatedPosition(
  { translator }: GroupSyncParts,
  { theirs, here }: Place,
  call: Call,
): Promise<TranslatedPosition> {
  const { topicId, partition, position } = theirs;
  const { offset, vector } = position;
  // What a promoted topic lacked begins behind what is here under another name: nothing of it has been read before that.
  if (!here.isMerged) {
    return { offset: Math.max(offset, beginOf(here.topic.remote, partition)), isFinal: true };
  }
  const place = {
    sourcePk: partitionKey(topicId, partition),
    targetPk: partitionKey(here.topic.topicId, partition),
  };
  return translator.translate(place, { offset, ...(vector === undefined ? {} : { vector }) }, call);
}

function checkpointOf(
  groupId: string,
  place: Place | undefined,
  targetOffset: number,
): MirrorCheckpoint | undefined {
  if (place === undefined) return undefined;
  const { theirs, here } = place;
  const { partition, position } = theirs;
  const { offset: sourceOffset, metadata } = position;
  return { groupId, topic: here.topic.name, partition, sourceOffset, targetOffset, metadata };
}
