import { type ErrorCode, MillraceError } from '../../errors.ts';
import type { AssignedTopic, GroupHeartbeat, HeartbeatAnswer } from '../../groups.ts';
import { LIMITS } from '../../limits.ts';
import type { Group } from '../group-item.ts';
import type { Member } from './member-item.ts';

/** What a heartbeat leads to, before anything is written. */
export type BeatPlan =
  /** Only a consistent look can tell. */
  | { readonly kind: 'unsure' }
  | { readonly kind: 'refuse'; readonly error: MillraceError }
  | {
      readonly kind: 'go';
      /** To be put in the place of the one that was seen. */
      readonly group?: Group;
      /** To be put in the place of the item that has its version. */
      readonly member?: Member;
      readonly answer: HeartbeatAnswer;
    };

export function refuse(code: ErrorCode, message: string): BeatPlan {
  return { kind: 'refuse', error: new MillraceError(code, message) };
}

export function unknownMember({ memberId, groupId }: GroupHeartbeat): BeatPlan {
  return refuse('UNKNOWN_MEMBER_ID', `Group '${groupId}' has no member '${memberId}'`);
}

export function answerTo(member: Member, assignment: readonly AssignedTopic[] | undefined): HeartbeatAnswer {
  const { memberId, memberEpoch, sessionTimeoutMs } = member;
  const heartbeatIntervalMs = Math.min(LIMITS.heartbeatIntervalMsDefault, Math.floor(sessionTimeoutMs / 3));
  return { memberId, memberEpoch, heartbeatIntervalMs, ...(assignment === undefined ? {} : { assignment }) };
}
