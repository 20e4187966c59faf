import { MillraceError } from '../../errors.ts';
import type { GroupHeartbeat, HeartbeatAnswer } from '../../groups.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import type { GroupParts } from '../group-parts.ts';
import { checkGroupId, checkInstanceId, checkMemberId, checkName } from '../names.ts';
import { Turns } from '../turns.ts';
import type { BeatParts } from './beat-parts.ts';
import { join } from './join.ts';
import { leave } from './leave.ts';
import { AWAY } from './member-item.ts';
import { stay } from './stay.ts';
import { checkedAssignor, checkedSubscription } from './subscription.ts';
import { TopicLooks } from './topic-looks.ts';

/** Kafka's member epochs of a member that joins, and of one that leaves for good. */
const JOINS = 0;
const LEAVES = -1;

/** Kafka's ConsumerGroupHeartbeat (KIP-848), for all groups; see `Groups.heartbeat`. */
export type Heartbeat = (beat: GroupHeartbeat, call: Call) => Promise<HeartbeatAnswer>;

export function openHeartbeat(deps: GroupParts): Heartbeat {
  const parts: BeatParts = {
    ...deps,
    looks: new TopicLooks(deps),
    matchers: new Map(),
    turns: new Turns(),
    owns: new Map(),
    sizes: new Map(),
  };
  return async (beat, call) => {
    checkBeat(beat);
    const { memberEpoch, subscription, assignor } = beat;
    if (memberEpoch === LEAVES || memberEpoch === AWAY) return leave(parts, beat, call);
    const wish = {
      subscription: subscription === undefined ? undefined : checkedSubscription(subscription),
      assignor: assignor === undefined ? undefined : checkedAssignor(assignor),
    };
    if (memberEpoch !== JOINS) return stay(parts, beat, wish, call);
    checkJoin(beat);
    if (wish.subscription === undefined) throw invalid('A member that joins says what it subscribes to');
    return join(parts, beat, { ...wish.subscription, assignor: wish.assignor ?? '' }, call);
  };
}

/** INVALID_GROUP_ID, INVALID_REQUEST. */
function checkBeat(beat: GroupHeartbeat): void {
  const { memberEpoch, instanceId, clientId, rebalanceTimeoutMs, owned } = beat;
  checkGroupId(beat.groupId);
  checkMemberId(beat.memberId);
  if (instanceId !== undefined) checkInstanceId(instanceId);
  if (clientId !== undefined && clientId !== '') checkName(clientId, 'client id');
  if (!Number.isSafeInteger(memberEpoch) || memberEpoch < AWAY) {
    throw invalid('A member epoch is a whole number, -1 to leave or -2 to leave for a while');
  }
  if (rebalanceTimeoutMs !== undefined && !isBetween(rebalanceTimeoutMs, 1, LIMITS.rebalanceTimeoutMsMax)) {
    throw invalid(`A rebalance timeout is 1 to ${LIMITS.rebalanceTimeoutMsMax} ms`);
  }
  if (owned?.some(({ partitions }) => !partitions.every((partition) => isBetween(partition, 0, Infinity)))) {
    throw invalid('Partitions are whole numbers from 0 on');
  }
}

/** INVALID_REQUEST, INVALID_SESSION_TIMEOUT. */
function checkJoin({ owned, sessionTimeoutMs }: GroupHeartbeat): void {
  if (owned === undefined || owned.some(({ partitions }) => partitions.length > 0)) {
    throw invalid('A member that joins says that it owns nothing');
  }
  const { sessionTimeoutMsMin, sessionTimeoutMsMax } = LIMITS;
  if (sessionTimeoutMs === undefined) return;
  if (isBetween(sessionTimeoutMs, sessionTimeoutMsMin, sessionTimeoutMsMax)) return;
  const message = `A session timeout is ${sessionTimeoutMsMin} to ${sessionTimeoutMsMax} ms`;
  throw new MillraceError('INVALID_SESSION_TIMEOUT', message);
}

function isBetween(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function invalid(message: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', message);
}
