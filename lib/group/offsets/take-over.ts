import { MillraceError } from '../../errors.ts';
import type { TakenPosition, TakeOverRequest } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';
import type { Call } from '../../storage/call.ts';
import { type Observation, observeNow } from '../../storage/observation.ts';
import { atOnce } from '../at-once.ts';
import { type SeenMembership, seeMember } from '../members/see-member.ts';
import { checkGroupId, checkMemberId } from '../names.ts';
import { positionKey } from './offset-cache.ts';
import { mayTakeOver } from './offset-fence.ts';
import { committedOf, type StandingOffset } from './offset-item.ts';
import { OFFSET_TRIES_MAX, type OffsetParts, PLACES_AT_ONCE } from './offset-parts.ts';
import { offsetError, offsetIsBusy, putOffset, readOffset } from './put-offset.ts';

interface Taking extends SeenMembership {
  readonly request: TakeOverRequest;
  readonly began: Observation;
}

/**
 * `Groups.takeOver`: two reads for the request, and for every partition a read and a write.
 *
 * ⚑ In this order: the group says that the member owns the partition and is meant to; then the position's item is put
 * with the member as its owner, which fences whoever owned it before; and the position to go on from is the one in the
 * item that was put.
 */
export async function takeOver(
  parts: OffsetParts,
  request: TakeOverRequest,
  call: Call,
): Promise<readonly TakenPosition[]> {
  checkGroupId(request.groupId);
  checkMemberId(request.memberId);
  const began = observeNow(parts.clock);
  const seen = await seeMember(parts, { ...request, wrongEpoch: 'FENCED_MEMBER_EPOCH' }, call);
  return atOnce(request.places, PLACES_AT_ONCE, (place) =>
    take(parts, { ...seen, request, began }, place, call),
  );
}

async function take(
  parts: OffsetParts,
  taking: Taking,
  { topic, partition }: PartitionPlace,
  call: Call,
): Promise<TakenPosition> {
  const { group, member, request } = taking;
  const own = group.topics.find(
    ({ name, owner, target }) =>
      name === topic && owner[partition] === member.number && target[partition] === member.number,
  );
  if (own === undefined) {
    const topicId = group.topics.find(({ name }) => name === topic)?.topicId ?? '';
    return { topic, topicId, partition, error: notAssigned(request, { topic, partition }) };
  }
  const place = { topic, topicId: own.topicId, partition };
  try {
    const key = positionKey(request.groupId, place);
    const position = await parts.offsets.inTurn(key, () => putOwner(parts, taking, place, call));
    const committed = position === undefined ? undefined : committedOf({ ...position, topic });
    return committed === undefined ? place : { ...place, committed };
  } catch (fault) {
    return { ...place, error: offsetError(fault) };
  }
}

/** Answers what the member goes on from. */
async function putOwner(
  parts: OffsetParts,
  { group, request, began }: Taking,
  place: PartitionPlace & { readonly topicId: string },
  call: Call,
): Promise<StandingOffset | undefined> {
  const { groupId, memberId, memberEpoch } = request;
  const { incarnation, groupEpoch } = group;
  // An old answer costs a lost write, nothing else: the put says what stands there.
  const first = await readOffset(parts, { incarnation, ...place }, { consistent: false }, call);
  let standing = first;
  for (let tries = 0; tries < OFFSET_TRIES_MAX; tries += 1) {
    if (!mayTakeOver(standing, { memberId, groupEpoch })) throw notAssigned(request, place);
    const { position, carried } = standing ?? {};
    const next = { ...place, position, carried, owner: memberId, takenAt: groupEpoch };
    const result = await putOffset(parts, { incarnation, standing, next, began }, call);
    if (result.stored) {
      const { observation } = result;
      const held = { incarnation, standing: result.standing, memberEpoch, observation };
      parts.offsets.set(positionKey(groupId, place), held);
      return parts.rules.takeOverBeforeRead ? result.standing : first;
    }
    standing = result.standing;
  }
  throw offsetIsBusy(groupId, place);
}

function notAssigned({ groupId, memberId }: TakeOverRequest, place: PartitionPlace): MillraceError {
  const message = `Partition ${place.partition} of topic '${place.topic}' is not assigned to member '${memberId}' of group '${groupId}'`;
  return new MillraceError('STALE_MEMBER_EPOCH', message);
}
