import type { GroupHeartbeat } from '../../groups.ts';
import { LIMITS } from '../../limits.ts';
import { sameTopics, type TopicThere, withTarget } from '../assign/target.ts';
import type { Group, Subscription } from '../group-item.ts';
import { answerTo, type BeatPlan, refuse } from './beat-plan.ts';
import { type GroupLook, memberOf } from './group-look.ts';
import { lostMembers } from './lost-members.ts';
import { AWAY, type Member } from './member-item.ts';
import { isInRoster } from './member-store.ts';
import { reconcile } from './reconcile.ts';
import {
  raised,
  subscriptionOf,
  withMember,
  withoutMembers,
  withReplaced,
  withSubscriptionOf,
} from './roster.ts';
import { type Covers, sameSubscription } from './subscription.ts';

export interface JoinContext {
  readonly nowMs: number;
  readonly covers: Covers;
  readonly there: readonly TopicThere[];
  readonly subscription: Subscription;
  /** Drawn for this member, if it is not in the roster yet. */
  readonly number: number;
}

/**
 * What becomes of a member that joins, or joins again after it has lost its way. UNRELEASED_INSTANCE_ID,
 * GROUP_MAX_SIZE_REACHED, INVALID_REQUEST. It owns nothing when it comes, so it can take what is free at once.
 *
 * `before` is the group that was seen, or a new one. For a static member the look must be complete.
 */
export function planJoin(
  before: Group,
  look: GroupLook,
  beat: GroupHeartbeat,
  context: JoinContext,
): BeatPlan {
  const { nowMs, there, covers } = context;
  const own = memberOf(look, beat.memberId);
  const isBack = own !== undefined && isInRoster(before, own);
  if (isBack && own.instanceId !== (beat.instanceId ?? '')) {
    return refuse('INVALID_REQUEST', `Member '${own.memberId}' joined as another instance`);
  }
  const number = own?.number ?? context.number;
  const lost = lostMembers(before, look, { nowMs, self: number });
  const remaining = withoutMembers(before, lost);
  const admitted = isBack
    ? resubscribed(remaining, number, context.subscription)
    : admittedTo(remaining, { number, beat, look, context });
  if ('kind' in admitted) return admitted;
  const targeted = withTarget(admitted, { there, covers });
  const changed = admitted !== before || !sameTopics(targeted, before);
  const joined = reconcile(changed ? raised(targeted, nowMs) : before, number, []);
  const member: Member = {
    ...asItJoins(beat, nowMs),
    number,
    memberEpoch: joined.group.groupEpoch,
    previousEpoch: isBack ? Math.max(0, own.memberEpoch) : 0,
    version: own?.version ?? '',
  };
  return {
    kind: 'go',
    ...(joined.group === look.seen.group ? {} : { group: joined.group }),
    member,
    answer: answerTo(member, joined.assignment),
  };
}

function asItJoins(
  beat: GroupHeartbeat,
  nowMs: number,
): Omit<Member, 'number' | 'memberEpoch' | 'previousEpoch' | 'version'> {
  return {
    memberId: beat.memberId,
    instanceId: beat.instanceId ?? '',
    clientId: beat.clientId ?? '',
    sessionTimeoutMs: beat.sessionTimeoutMs ?? LIMITS.sessionTimeoutMsDefault,
    rebalanceTimeoutMs: beat.rebalanceTimeoutMs ?? LIMITS.rebalanceTimeoutMsDefault,
    seenMs: nowMs,
    revokingSinceMs: 0,
  };
}

function resubscribed(group: Group, number: number, subscription: Subscription): Group {
  const before = subscriptionOf(group, number);
  const isSame = before !== undefined && sameSubscription(before, subscription);
  return isSame ? group : withSubscriptionOf(group, number, subscription);
}

interface Admitting {
  readonly number: number;
  readonly beat: GroupHeartbeat;
  readonly look: GroupLook;
  readonly context: JoinContext;
}

function admittedTo(group: Group, admitting: Admitting): Group | BeatPlan {
  const { number, beat, look, context } = admitting;
  const { instanceId } = beat;
  const { subscription } = context;
  const standing = look.members.filter((member) => member.instanceId !== '' && isInRoster(group, member));
  const holder = standing.find((member) => member.instanceId === instanceId);
  if (holder !== undefined) {
    if (holder.memberEpoch !== AWAY) {
      return refuse(
        'UNRELEASED_INSTANCE_ID',
        `Instance '${instanceId}' is still member '${holder.memberId}'`,
      );
    }
    // ⚑ A number of its own, in one step: the old member's item stands for nobody from then on.
    return resubscribed(withReplaced(group, { from: holder.number, to: number }), number, subscription);
  }
  if (group.roster.length >= LIMITS.membersPerGroupMax) {
    const message = `Group '${group.groupId}' has ${LIMITS.membersPerGroupMax} members, as many as it may`;
    return refuse('GROUP_MAX_SIZE_REACHED', message);
  }
  if (instanceId === undefined) return withMember(group, { number, subscription });
  return withMember(group, { number, subscription, place: placeOf(group, instanceId, standing) });
}

/** Static members come first, by their instance ids. */
function placeOf(group: Group, instanceId: string, standing: readonly Member[]): number {
  const names = new Map(standing.map((member) => [member.number, member.instanceId]));
  const place = group.roster.findIndex(({ number }) => {
    const name = names.get(number);
    return name === undefined || name > instanceId;
  });
  return place < 0 ? group.roster.length : place;
}
