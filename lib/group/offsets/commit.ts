import { MillraceError } from '../../errors.ts';
import type { CommitRequest, CommitResult } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import { type Observation, observeNow } from '../../storage/observation.ts';
import { atOnce } from '../at-once.ts';
import { type SeenMembership, seeMember } from '../members/see-member.ts';
import { checkGroupId, checkMemberId } from '../names.ts';
import { type CheckedOffset, checkOffset } from './check-offset.ts';
import { commitFromOutside } from './commit-from-outside.ts';
import { type HeldOffset, positionKey } from './offset-cache.ts';
import { mayCommit, type Ownership } from './offset-fence.ts';
import type { CommittedPosition, PartitionOffset, StandingOffset } from './offset-item.ts';
import { OFFSET_TRIES_MAX, type OffsetParts, PLACES_AT_ONCE } from './offset-parts.ts';
import { offsetError, offsetIsBusy, putOffset, readOffset, storageNowMs } from './put-offset.ts';
import { vectorBeyond } from './vector.ts';

export type CommittingMember = NonNullable<CommitRequest['member']>;
export type SoundOffset = Extract<CheckedOffset, { kind: 'sound' }>;

/** One member's commit on its way. */
interface Committing {
  readonly groupId: string;
  readonly member: CommittingMember;
  readonly began: Observation;
  /** The group and the member, read when they are first asked for. */
  readonly look: () => Promise<SeenMembership>;
}

/**
 * `Groups.commit`: one write for every partition that the member took over, or committed last, through this process.
 * Otherwise two reads for the request and one for the partition come before it.
 */
export async function commit(
  parts: OffsetParts,
  request: CommitRequest,
  call: Call,
): Promise<readonly CommitResult[]> {
  const { groupId, member, offsets } = request;
  checkGroupId(groupId);
  if (member !== undefined) checkMemberId(member.memberId);
  const began = observeNow(parts.clock);
  const checked = await atOnce(offsets, PLACES_AT_ONCE, (offset) => checkOffset(parts, offset, call));
  if (member === undefined) return commitFromOutside(parts, { groupId, began, checked }, call);

  const look = once(() => seeMember(parts, { groupId, ...member, wrongEpoch: 'STALE_MEMBER_EPOCH' }, call));
  const sound = checked.filter((one) => one.kind === 'sound');
  const warm = sound.filter((one) => heldFor(parts, { groupId, member }, one) !== undefined);
  // Whoever is no member is told so before anything is stored.
  if (warm.length === 0 || warm.length < sound.length) await look();
  return atOnce(checked, PLACES_AT_ONCE, (one) =>
    commitOne(parts, { groupId, member, began, look }, one, call),
  );
}

async function commitOne(
  parts: OffsetParts,
  committing: Committing,
  checked: CheckedOffset,
  call: Call,
): Promise<CommitResult> {
  const { topic, partition } = checked.offset;
  if (checked.kind === 'refused') return { topic, partition, error: checked.error };
  const key = positionKey(committing.groupId, { ...checked.offset, topicId: checked.topicId });
  try {
    const isStored = await parts.offsets.inTurn(key, () => putPosition(parts, committing, checked, call));
    return isStored ? { topic, partition } : { topic, partition, error: notTheOwner(committing, checked) };
  } catch (fault) {
    return { topic, partition, error: offsetError(fault) };
  }
}

/** What this process knows first, storage itself if that did not hold. False: the member is not the owner (any more). */
async function putPosition(
  parts: OffsetParts,
  committing: Committing,
  sound: SoundOffset,
  call: Call,
): Promise<boolean> {
  const held = heldFor(parts, committing, sound);
  if (held !== undefined) {
    if (await putAsOwner(parts, committing, { sound, held }, call)) return true;
    parts.offsets.forget(positionKey(committing.groupId, { ...sound.offset, topicId: sound.topicId }));
  }
  const owned = await readOwned(parts, committing, sound, call);
  return owned !== undefined && putAsOwner(parts, committing, { sound, held: owned }, call);
}

/** Set if the position was last put by this member through this process. */
export function heldFor(
  { offsets }: OffsetParts,
  { groupId, member }: Pick<Committing, 'groupId' | 'member'>,
  { offset, topicId }: SoundOffset,
): HeldOffset | undefined {
  const held = offsets.get(positionKey(groupId, { ...offset, topicId }));
  if (held?.memberEpoch === undefined || held.standing.owner !== member.memberId) return undefined;
  // ⚑ A request with an earlier epoch may be one from before the member lost the partition and got it again.
  return member.memberEpoch >= held.memberEpoch ? held : undefined;
}

/**
 * ⚑ The order makes it safe: a member that was seen with this epoch at the group's epoch g, and then as an owner since g
 * or earlier, has been the owner all along.
 */
async function readOwned(
  parts: OffsetParts,
  { member, began, look }: Committing,
  { offset, topicId }: SoundOffset,
  call: Call,
): Promise<HeldOffset | undefined> {
  const { group } = await look();
  const { incarnation, groupEpoch } = group;
  const where = { incarnation, topicId, partition: offset.partition };
  const standing = await readOffset(parts, where, { consistent: true }, call);
  if (standing === undefined) return undefined;
  const isOwned = standing.owner === member.memberId && standing.takenAt <= groupEpoch;
  if (parts.rules.commitFence && !isOwned) return undefined;
  return { incarnation, standing, memberEpoch: member.memberEpoch, observation: began };
}

/** ⚑ On top of what is known, or of what stands there as long as that has the same owner since the same epoch. */
async function putAsOwner(
  parts: OffsetParts,
  { groupId, member, began }: Committing,
  { sound, held }: { readonly sound: SoundOffset; readonly held: HeldOffset },
  call: Call,
): Promise<boolean> {
  const { incarnation } = held;
  const ownership: Ownership = { memberId: member.memberId, takenAt: held.standing.takenAt };
  const position = positionOf(parts, sound, held.observation);
  let standing: StandingOffset | undefined = held.standing;
  for (let tries = 0; tries < OFFSET_TRIES_MAX; tries += 1) {
    const next: PartitionOffset = { ...(standing ?? held.standing), position };
    const result = await putOffset(parts, { incarnation, standing, next, began }, call);
    if (result.stored) {
      const { memberEpoch } = member;
      const key = positionKey(groupId, next);
      parts.offsets.set(key, {
        incarnation,
        standing: result.standing,
        memberEpoch,
        observation: result.observation,
      });
      return true;
    }
    standing = result.standing;
    if (parts.rules.commitFence && !mayCommit(standing, ownership)) return false;
  }
  throw offsetIsBusy(groupId, sound.offset);
}

export function positionOf(
  { clock }: Pick<OffsetParts, 'clock'>,
  { offset }: Pick<SoundOffset, 'offset'>,
  seen: Observation | undefined,
): CommittedPosition {
  const vector = vectorBeyond(offset.vector, offset.offset);
  return {
    offset: offset.offset,
    leaderEpoch: offset.leaderEpoch ?? -1,
    metadata: offset.metadata ?? '',
    committedMs: storageNowMs(clock, seen),
    ...(vector === undefined ? {} : { vector }),
  };
}

export function notTheOwner(
  { groupId, member }: { readonly groupId: string; readonly member: { readonly memberId: string } },
  { offset }: SoundOffset,
): MillraceError {
  const message = `Member '${member.memberId}' of group '${groupId}' does not own partition ${offset.partition} of topic '${offset.topic}' (any more)`;
  return new MillraceError('STALE_MEMBER_EPOCH', message);
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined;
  return () => {
    begun ??= work();
    return begun;
  };
}
