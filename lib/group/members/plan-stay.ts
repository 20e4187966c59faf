import type { AssignedTopic, GroupHeartbeat } from '../../groups.ts';
import { sameTopics, type TopicThere, topicsAsKnown, withTarget } from '../assign/target.ts';
import type { AssignorName, Group, Subscription } from '../group-item.ts';
import { answerTo, type BeatPlan, refuse, unknownMember } from './beat-plan.ts';
import { type GroupLook, memberOf } from './group-look.ts';
import { lostMembers } from './lost-members.ts';
import type { Member } from './member-item.ts';
import { isInRoster } from './member-store.ts';
import { assignmentOf, isWithin, type Reconciled, reconcile } from './reconcile.ts';
import { raised, subscriptionOf, withoutMembers, withSubscriptionOf } from './roster.ts';
import { type Covers, sameSubscription } from './subscription.ts';

/** What a member asks for; what is undefined stays as it is. */
export interface Wish {
  readonly subscription?: Subscription | undefined;
  readonly assignor?: AssignorName | undefined;
}

export interface StayContext extends Wish {
  readonly nowMs: number;
  readonly covers: Covers;
  /** Topics as they were just looked at. @default as the group knows them */
  readonly there?: readonly TopicThere[] | undefined;
}

/** A member's item is written anew when it is older than this part of its session. */
const SEEN_PART = 3;

/**
 * What becomes of a heartbeat of a member that is there. UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID.
 * Everything it changes in the group is one step: members that are lost go, topics are as they are now, the target is
 * new, and the member gives up or takes what it can.
 */
export function planStay(look: GroupLook, beat: GroupHeartbeat, context: StayContext): BeatPlan {
  const standing = standingOf(look, beat);
  if ('kind' in standing) return standing;
  const { group, own } = standing;
  const fenced = epochProblem(group, own, beat);
  if (fenced !== undefined) return fenced;

  const { nowMs } = context;
  const lost = lostMembers(group, look, { nowMs, self: own.number });
  if (lost.size > 0 && !look.isConsistent) return { kind: 'unsure' };
  const renewed = renewedGroup(group, { own, lost, context });
  const step = reconcile(renewed, own.number, beat.owned);
  const member = memberAfter(own, beat, { step, nowMs });
  const isNews = step.group !== renewed || step.isRevoking || mayNotKnow(beat, member, step.assignment);
  return {
    kind: 'go',
    ...(step.group === group ? {} : { group: step.group }),
    ...(isDue(own, member, nowMs) ? { member: { ...member, seenMs: nowMs } } : {}),
    answer: answerTo(member, isNews ? step.assignment : undefined),
  };
}

/** Whether a plan that was made from a stale look may be carried out: nothing changes, nobody is told anything new. */
export function isIdle(plan: BeatPlan, own: Member | undefined): boolean {
  if (plan.kind !== 'go' || plan.group !== undefined || plan.answer.assignment !== undefined) return false;
  return plan.member === undefined || (own !== undefined && !differs(own, plan.member));
}

/** The member and its group, or why it is not one: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID. */
export function standingOf(
  look: GroupLook,
  beat: GroupHeartbeat,
): { readonly group: Group; readonly own: Member } | BeatPlan {
  const { group } = look.seen;
  const own = memberOf(look, beat.memberId);
  const { instanceId } = beat;
  if (group === undefined) return unknownMember(beat);
  if (own === undefined || !isInRoster(group, own)) {
    const holder = look.members.find(
      (member) => instanceId !== undefined && member.instanceId === instanceId && isInRoster(group, member),
    );
    if (holder === undefined) return unknownMember(beat);
    return refuse('FENCED_INSTANCE_ID', `Instance '${instanceId}' is member '${holder.memberId}' now`);
  }
  if (instanceId === undefined || instanceId === own.instanceId) return { group, own };
  return refuse('FENCED_INSTANCE_ID', `Member '${own.memberId}' is not instance '${instanceId}'`);
}

function memberAfter(
  own: Member,
  beat: GroupHeartbeat,
  { step, nowMs }: { readonly step: Reconciled; readonly nowMs: number },
): Member {
  const memberEpoch = step.isRevoking ? own.memberEpoch : step.group.groupEpoch;
  return {
    ...own,
    memberEpoch,
    previousEpoch: memberEpoch === own.memberEpoch ? own.previousEpoch : own.memberEpoch,
    clientId: beat.clientId ?? own.clientId,
    rebalanceTimeoutMs: beat.rebalanceTimeoutMs ?? own.rebalanceTimeoutMs,
    revokingSinceMs: step.isRevoking ? own.revokingSinceMs || nowMs : 0,
  };
}

/** Whether the member is at another epoch, or says that it has something else than it is to have. */
function mayNotKnow(
  { memberEpoch, owned }: GroupHeartbeat,
  member: Member,
  assignment: readonly AssignedTopic[],
): boolean {
  if (memberEpoch !== member.memberEpoch) return true;
  return owned !== undefined && !(isWithin(owned, assignment) && isWithin(assignment, owned));
}

/** The epoch before is all right if the answer that told of the present one may have been lost. */
function epochProblem(group: Group, own: Member, beat: GroupHeartbeat): BeatPlan | undefined {
  if (beat.memberEpoch === own.memberEpoch) return undefined;
  const { owned } = beat;
  const mayHaveMissedIt =
    beat.memberEpoch === own.previousEpoch &&
    owned !== undefined &&
    isWithin(owned, assignmentOf(group, own.number));
  if (mayHaveMissedIt) return undefined;
  const message = `Member '${own.memberId}' is at epoch ${own.memberEpoch}, not ${beat.memberEpoch}`;
  return refuse('FENCED_MEMBER_EPOCH', message);
}

function renewedGroup(
  group: Group,
  change: { readonly own: Member; readonly lost: ReadonlySet<number>; readonly context: StayContext },
): Group {
  const { own, lost, context } = change;
  const { there, covers, nowMs } = context;
  const subscription = newSubscription(group, own, context);
  if (lost.size === 0 && subscription === undefined && there === undefined) return group;
  const remaining = withoutMembers(group, lost);
  const resubscribed =
    subscription === undefined ? remaining : withSubscriptionOf(remaining, own.number, subscription);
  const targeted = withTarget(resubscribed, { there: there ?? topicsAsKnown(group), covers });
  if (lost.size === 0 && subscription === undefined && sameTopics(group, targeted)) return group;
  return raised(targeted, nowMs);
}

/** What the member subscribes to from now on; undefined if that is what it did before. */
export function newSubscription(
  group: Group,
  own: Member,
  { subscription, assignor }: Wish,
): Subscription | undefined {
  const before = subscriptionOf(group, own.number);
  if (before === undefined) return undefined;
  const wanted = { ...(subscription ?? before), assignor: assignor ?? before.assignor };
  return sameSubscription(wanted, before) ? undefined : wanted;
}

/** Also when the clock has gone back by as much: what was seen in the future would never be over. */
function isDue(own: Member, member: Member, nowMs: number): boolean {
  return differs(own, member) || Math.abs(nowMs - own.seenMs) >= own.sessionTimeoutMs / SEEN_PART;
}

function differs(a: Member, b: Member): boolean {
  return (
    a.memberEpoch !== b.memberEpoch ||
    a.previousEpoch !== b.previousEpoch ||
    a.clientId !== b.clientId ||
    a.rebalanceTimeoutMs !== b.rebalanceTimeoutMs ||
    a.revokingSinceMs !== b.revokingSinceMs
  );
}
