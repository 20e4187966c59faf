import { MillraceError } from '../../errors.ts';
import type { CommitResult } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import type { Observation } from '../../storage/observation.ts';
import { atOnce } from '../at-once.ts';
import type { Group } from '../group-item.ts';
import { emptyGroup } from '../members/empty-group.ts';
import type { CheckedOffset } from './check-offset.ts';
import { positionKey } from './offset-cache.ts';
import { mayChangeFromOutside } from './offset-fence.ts';
import type { CarriedCommit, CommittedPosition, PartitionOffset, StandingOffset } from './offset-item.ts';
import { OFFSET_TRIES_MAX, type OffsetParts, PLACES_AT_ONCE } from './offset-parts.ts';
import { offsetError, offsetIsBusy, putOffset, readOffset, storageNowMs } from './put-offset.ts';
import { vectorBeyond } from './vector.ts';

/**
 * Commits on behalf of no member, which only a group without members allows; one that is not there begins with it. One
 * read for the request, and for every partition a write, with a read before it where this process has not put it last.
 */
export async function commitFromOutside(
  parts: OffsetParts,
  request: {
    readonly groupId: string;
    readonly began: Observation;
    readonly checked: readonly CheckedOffset[];
  },
  call: Call,
): Promise<readonly CommitResult[]> {
  const { groupId, began, checked } = request;
  if (!checked.some(({ kind }) => kind === 'sound')) return checked.map(refusedResult);
  const empty = (): Promise<Group> => emptyGroup(parts, groupId, hasMembers, call);
  const group = await empty();
  return atOnce(checked, PLACES_AT_ONCE, async (one) => {
    if (one.kind === 'refused') return refusedResult(one);
    const { topic, partition, offset, leaderEpoch = -1, metadata = '' } = one.offset;
    const place = { topic, partition, topicId: one.topicId };
    const vector = vectorBeyond(one.offset.vector, offset);
    const position = { offset, leaderEpoch, metadata, ...(vector === undefined ? {} : { vector }) };
    try {
      await putFromOutside(parts, { place, position, group, empty, began }, call);
      return { topic, partition };
    } catch (fault) {
      return { topic, partition, error: offsetError(fault) };
    }
  });
}

export interface OutsideChange {
  readonly place: Pick<PartitionOffset, 'topic' | 'topicId' | 'partition'>;
  /** Undefined: nothing is committed there from now on. */
  readonly position: Omit<CommittedPosition, 'committedMs'> | undefined;
  /** ⚑ In which nobody was seen to be a member. */
  readonly group: Group;
  /** Looks at the group once more; throws if somebody is a member now. */
  readonly empty: () => Promise<Group>;
  readonly began: Observation;
}

/**
 * Puts a position that nobody owns. ⚑ It stands on what was taken over before the group was seen without members: who
 * joins afterwards takes over at a later epoch, and is never undone. The epoch that it leaves fences former owners.
 */
export async function putFromOutside(
  parts: OffsetParts,
  change: OutsideChange,
  call: Call,
): Promise<StandingOffset> {
  const key = positionKey(change.group.groupId, change.place);
  return parts.offsets.inTurn(key, async () => {
    let { group } = change;
    const held = parts.offsets.get(key);
    const isHeld = held !== undefined && held.incarnation === group.incarnation;
    let standing = isHeld ? held.standing : await readStanding(parts, group, change, call);
    for (let tries = 0; tries < OFFSET_TRIES_MAX; tries += 1) {
      if (parts.rules.commitFence && !mayChangeFromOutside(standing, group.groupEpoch)) {
        group = await change.empty();
        standing = await readStanding(parts, group, change, call);
        continue;
      }
      const { incarnation } = group;
      const next = nextOffset(parts, { ...change, group }, standing?.carried, held?.observation);
      const result = await putOffset(parts, { incarnation, standing, next, began: change.began }, call);
      if (result.stored) {
        const { observation } = result;
        parts.offsets.set(key, {
          incarnation,
          standing: result.standing,
          memberEpoch: undefined,
          observation,
        });
        return result.standing;
      }
      standing = result.standing;
    }
    throw offsetIsBusy(group.groupId, change.place);
  });
}

function nextOffset(
  { clock }: OffsetParts,
  { place, position, group }: OutsideChange,
  carried: CarriedCommit | undefined,
  seen: Observation | undefined,
): PartitionOffset {
  const committedMs = storageNowMs(clock, seen);
  const takenAt = group.groupEpoch;
  const stored = position === undefined ? undefined : { ...position, committedMs };
  return { ...place, position: stored, carried, owner: undefined, takenAt };
}

function readStanding(
  parts: OffsetParts,
  { incarnation }: Group,
  { place }: OutsideChange,
  call: Call,
): Promise<StandingOffset | undefined> {
  return readOffset(parts, { incarnation, ...place }, { consistent: true }, call);
}

function refusedResult(checked: CheckedOffset): CommitResult {
  const { topic, partition } = checked.offset;
  return checked.kind === 'refused' ? { topic, partition, error: checked.error } : { topic, partition };
}

function hasMembers(groupId: string): MillraceError {
  const message = `Group '${groupId}' has members; only they commit its positions`;
  return new MillraceError('UNKNOWN_MEMBER_ID', message);
}
