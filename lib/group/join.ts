import type { GroupHeartbeat, HeartbeatAnswer } from '../groups.ts';
import type { Call } from '../storage/call.ts';
import { type BeatParts, coversOf, nowOf, untilDone } from './beat-parts.ts';
import type { BeatPlan } from './beat-plan.ts';
import { MEMBER_NUMBERS, type Subscription } from './group-item.ts';
import { type GroupLook, lookAtGroup, memberOf } from './group-look.ts';
import { newGroup } from './group-store.ts';
import type { Member } from './member-item.ts';
import { isInRoster, putMember, readMember } from './member-store.ts';
import { planJoin } from './plan-join.ts';
import { carryOut } from './stay.ts';

/**
 * A member joins. Its item is put before the group takes it in, so that whoever finds it in the roster finds an item, too;
 * until then the item means nothing. So a static member that has looked at all items knows every instance that is in the
 * group it has seen; if that has changed when it is to be taken in, it looks again.
 */
export async function join(
  parts: BeatParts,
  beat: GroupHeartbeat,
  subscription: Subscription,
  call: Call,
): Promise<HeartbeatAnswer> {
  const number = 1 + Math.floor(parts.random.next() * (MEMBER_NUMBERS - 1));
  // Before anything is stored: INVALID_REGULAR_EXPRESSION.
  await coversOf(parts, undefined, [subscription]);
  let look: GroupLook | undefined;
  const attempt = async (): Promise<HeartbeatAnswer | undefined> => {
    look ??= await lookForJoin(parts, beat, call);
    const plan = await planned(parts, { look, beat, subscription, number }, call);
    if (plan.kind === 'refuse') throw plan.error;
    if (plan.kind === 'unsure' || plan.member === undefined) return undefined;
    const announced = await announce(parts, { look, beat, member: plan.member }, call);
    look = announced.look;
    if (look === undefined) return undefined;
    const { member, ...rest } = plan;
    const step = announced.isMember ? { ...rest, member } : rest;
    const outcome = await carryOut(parts, { look, plan: step, beat }, call);
    look = beat.instanceId === undefined ? outcome.look : undefined;
    return outcome.answer;
  };
  return parts.turns.run(beat.groupId, () => untilDone(parts, beat.groupId, attempt, call));
}

/** Sees to it that the item of a member that is not in the roster says what it will be there. */
async function announce(
  parts: BeatParts,
  step: { readonly look: GroupLook; readonly beat: GroupHeartbeat; readonly member: Member },
  call: Call,
): Promise<{ readonly look: GroupLook | undefined; readonly isMember: boolean }> {
  const { look, beat, member } = step;
  const { group, groupId } = look.seen;
  const own = memberOf(look, beat.memberId);
  const isMember = own !== undefined && group !== undefined && isInRoster(group, own);
  if (isMember || (own !== undefined && saysAsMuch(own, member))) return { look, isMember };
  const stored = await putMember(parts, groupId, member, call);
  if (stored === undefined) return { look: undefined, isMember };
  const others = look.members.filter(({ memberId }) => memberId !== beat.memberId);
  return { look: { ...look, members: [...others, stored] }, isMember };
}

async function planned(
  parts: BeatParts,
  step: {
    readonly look: GroupLook;
    readonly beat: GroupHeartbeat;
    readonly subscription: Subscription;
    readonly number: number;
  },
  call: Call,
): Promise<BeatPlan> {
  const { look, beat, subscription, number } = step;
  const { group, groupId } = look.seen;
  const covers = await coversOf(parts, group, [subscription]);
  const subscriptions = [...(group?.subscriptions ?? []), subscription];
  const known = group === undefined ? {} : { known: group };
  const there = await parts.looks.look(groupId, { subscriptions, ...known }, call);
  const before = group ?? newGroup(parts, look.seen);
  const nowMs = nowOf(parts, look);
  return planJoin(before, look, beat, { nowMs, covers, there, subscription, number });
}

/** Consistent. A static member has to know all the others. */
async function lookForJoin(parts: BeatParts, beat: GroupHeartbeat, call: Call): Promise<GroupLook> {
  const { groupId, memberId, instanceId } = beat;
  const look = await lookAtGroup(parts, groupId, { consistent: true, all: instanceId !== undefined }, call);
  if (look.isComplete || memberOf(look, memberId) !== undefined) return look;
  const { member } = await readMember(parts, groupId, memberId, call);
  return member === undefined ? look : { ...look, members: [...look.members, member] };
}

function saysAsMuch(own: Member, member: Member): boolean {
  return (
    own.number === member.number &&
    own.memberEpoch === member.memberEpoch &&
    own.previousEpoch === member.previousEpoch &&
    own.instanceId === member.instanceId &&
    own.clientId === member.clientId &&
    own.sessionTimeoutMs === member.sessionTimeoutMs &&
    own.rebalanceTimeoutMs === member.rebalanceTimeoutMs &&
    own.seenMs <= member.seenMs &&
    member.seenMs - own.seenMs < own.sessionTimeoutMs / 3
  );
}
