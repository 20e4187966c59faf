import type { GroupHeartbeat } from '../../groups.ts';
import { topicsAsKnown, withTarget } from '../assign/target.ts';
import { answerTo, type BeatPlan, refuse } from './beat-plan.ts';
import type { GroupLook } from './group-look.ts';
import { lostMembers } from './lost-members.ts';
import { AWAY } from './member-item.ts';
import { standingOf } from './plan-stay.ts';
import { raised, withoutMembers } from './roster.ts';
import type { Covers } from './subscription.ts';

export interface LeaveContext {
  readonly nowMs: number;
  readonly covers: Covers;
}

/**
 * What becomes of a member that leaves. For good: what it owned is free. For a while, as static members may: all stays
 * as it is until its session is over. UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INVALID_REQUEST.
 */
export function planLeave(look: GroupLook, beat: GroupHeartbeat, { nowMs, covers }: LeaveContext): BeatPlan {
  const standing = standingOf(look, beat);
  if ('kind' in standing) return standing;
  const { group, own } = standing;
  if (beat.memberEpoch === AWAY) {
    if (own.instanceId === '') {
      return refuse('INVALID_REQUEST', 'Only a member with an instance id can leave for a while');
    }
    const member = { ...own, memberEpoch: AWAY, previousEpoch: AWAY, revokingSinceMs: 0, seenMs: nowMs };
    return { kind: 'go', member, answer: answerTo(member, undefined) };
  }
  const gone = new Set(lostMembers(group, look, { nowMs, self: own.number })).add(own.number);
  const remaining = withTarget(withoutMembers(group, gone), { there: topicsAsKnown(group), covers });
  const answer = { ...answerTo(own, undefined), memberEpoch: beat.memberEpoch };
  return { kind: 'go', group: raised(remaining, nowMs), answer };
}
