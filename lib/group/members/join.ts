import type { GroupHeartbeat, HeartbeatAnswer } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import { MEMBER_NUMBERS, type Subscription } from '../group-item.ts';
import { checkFits, newGroup } from '../group-store.ts';
import { type BeatParts, coversOf, nowOf, untilDone } from './beat-parts.ts';
import type { BeatPlan } from './beat-plan.ts';
import { removeLeftBehind } from './expel-dead.ts';
import { type GroupLook, lookAtGroup, memberOf } from './group-look.ts';
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
  /** The member's item as this call has put it. */
  let announced: Member | undefined;
  const attempt = async ({ rested }: { readonly rested: boolean }): Promise<HeartbeatAnswer | undefined> => {
    if (rested) look = undefined;
    look ??= await lookForJoin(parts, beat, call);
    const plan = await planned(parts, { look, beat, subscription, number }, call);
    if (plan.kind === 'refuse') {
      await removeLeftBehind(parts, beat.groupId, announced === undefined ? [] : [announced], call);
      throw plan.error;
    }
    if (plan.kind === 'unsure') return undefined;
    const step = await announce(parts, { look, plan, beat, announced }, call);
    look = step?.look;
    if (step === undefined) return undefined;
    announced = step.announced;
    const outcome = await carryOut(parts, { look: step.look, plan: step.rest, beat }, call);
    // A static member has to know all members of the group as it is.
    look = beat.instanceId === undefined ? outcome.look : undefined;
    return outcome.answer;
  };
  return parts.turns.run(beat.groupId, () => untilDone(parts, beat.groupId, attempt, call));
}

interface Announcing {
  readonly look: GroupLook;
  readonly plan: BeatPlan & { readonly kind: 'go' };
  readonly beat: GroupHeartbeat;
  readonly announced: Member | undefined;
}

/**
 * Sees to it that a member that is not in the roster yet has an item. Answers what remains to be done; undefined if somebody
 * else has changed the item. One that was put for an earlier attempt tells another epoch, and is put right at the end
 * instead of at every attempt.
 */
async function announce(
  parts: BeatParts,
  { look, plan, beat, announced }: Announcing,
  call: Call,
): Promise<{ look: GroupLook; announced: Member | undefined; rest: Announcing['plan'] } | undefined> {
  const { member, ...rest } = plan;
  const own = memberOf(look, beat.memberId);
  if (member === undefined || (own !== undefined && !needsAnnouncing(look, { own, announced, member }))) {
    const isRight = own?.version === announced?.version && own?.memberEpoch === member?.memberEpoch;
    return { look, announced, rest: isRight ? rest : plan };
  }
  if (plan.group !== undefined) checkFits(plan.group);
  const stored = await putMember(parts, beat.groupId, member, call);
  return stored === undefined ? undefined : { look: withMember(look, stored), announced: stored, rest };
}

/** Whether the item of a member that is not in the roster does not say yet who it will be there. */
function needsAnnouncing(
  { seen: { group } }: GroupLook,
  items: { readonly own: Member; readonly announced: Member | undefined; readonly member: Member },
): boolean {
  const { own, announced, member } = items;
  if (group !== undefined && isInRoster(group, own)) return false;
  return own.version !== announced?.version && !saysAsMuch(own, member);
}

function withMember(look: GroupLook, member: Member): GroupLook {
  const others = look.members.filter(({ memberId }) => memberId !== member.memberId);
  return { ...look, members: [...others, member] };
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
