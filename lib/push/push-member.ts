import { MillraceError } from '../errors.ts';
import type { AssignedTopic, Groups, TakenPosition } from '../groups.ts';
import type { PartitionPlace } from '../log.ts';
import type { Call } from '../storage/call.ts';
import type { PushPosition } from './push-parts.ts';

/** A runner as a member of its group. */
export interface PushMember {
  /** False: the group does not know the member any more, which owns nothing from then on. Throws what may be tried again. */
  beat(owned: readonly OwnedPlace[], call: Call): Promise<boolean>;
  /** What it has to own, as far as the last heartbeat said. */
  readonly assigned: readonly OwnedPlace[];
  /** When the next heartbeat is expected. */
  readonly intervalMs: number;
  takeOver(places: readonly PartitionPlace[], call: Call): Promise<readonly TakenPosition[]>;
  /** False: the partition is not the member's any more. */
  commit(place: OwnedPlace, position: PushPosition, call: Call): Promise<boolean>;
  leave(call: Call): Promise<void>;
}

export interface OwnedPlace extends PartitionPlace {
  readonly topicId: string;
}

export interface PushMemberOptions {
  readonly groupId: string;
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly clientId: string;
}

/** A runner that died is missed after this; it never sleeps, so it may be short. */
const SESSION_MS = 20_000;
/** A function may take so long for what a runner has to give up. */
const REBALANCE_MS = 900_000;
const FENCED = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'FENCED_INSTANCE_ID']);
const LOST = new Set(['STALE_MEMBER_EPOCH', 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);
/** A commit may meet an epoch that a heartbeat has just moved. */
const COMMIT_TRIES = 3;

export function pushMember(
  groups: Pick<Groups, 'heartbeat' | 'takeOver' | 'commit'>,
  { groupId, memberId, topics, clientId }: PushMemberOptions,
): PushMember {
  let memberEpoch = 0;
  let assigned: readonly OwnedPlace[] = [];
  let intervalMs = 0;
  let reported = '';
  let isMember = false;

  const join = {
    ...{ clientId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS },
    subscription: { topics },
  };

  return {
    get assigned() {
      return assigned;
    },
    get intervalMs() {
      return intervalMs;
    },
    beat: async (owned, call) => {
      const topicsOwned = byTopic(owned);
      const report = JSON.stringify(topicsOwned);
      try {
        const answer = await groups.heartbeat(
          {
            ...{ groupId, memberId, memberEpoch },
            ...(memberEpoch === 0 ? join : {}),
            ...(memberEpoch === 0 || report !== reported ? { owned: topicsOwned } : {}),
          },
          call,
        );
        isMember = true;
        reported = report;
        memberEpoch = answer.memberEpoch;
        intervalMs = answer.heartbeatIntervalMs;
        if (answer.assignment !== undefined) assigned = placesOf(answer.assignment);
        return true;
      } catch (error) {
        if (!isFenced(error)) throw error;
        isMember = false;
        assigned = [];
        return false;
      }
    },
    takeOver: (places, call) => groups.takeOver({ groupId, memberId, memberEpoch, places }, call),
    commit: async ({ topic, topicId, partition }, position, call) => {
      for (let tries = 1; ; tries += 1) {
        const usedEpoch = memberEpoch;
        const member = { memberId, memberEpoch };
        const request = { groupId, member, offsets: [{ topic, topicId, partition, ...position }] };
        const error = await groups.commit(request, call).then(
          ([result]) => result?.error,
          (thrown: unknown) => thrown,
        );
        if (error === undefined) return true;
        if (!isLost(error)) throw error;
        if (usedEpoch === memberEpoch || tries === COMMIT_TRIES) return false;
      }
    },
    leave: async (call) => {
      if (!isMember) return;
      isMember = false;
      await groups.heartbeat({ groupId, memberId, memberEpoch: -1 }, call);
    },
  };
}

function isFenced(error: unknown): boolean {
  return error instanceof MillraceError && FENCED.has(error.code);
}

/** The partition has another owner, or the member is none, or the topic is gone. */
function isLost(error: unknown): boolean {
  if (isFenced(error)) return true;
  return error instanceof MillraceError && LOST.has(error.code);
}

function placesOf(topics: readonly AssignedTopic[]): readonly OwnedPlace[] {
  return topics.flatMap(({ topicId, topic, partitions }) =>
    partitions.map((partition) => ({ topicId, topic, partition })),
  );
}

function byTopic(places: readonly OwnedPlace[]): readonly AssignedTopic[] {
  const topics = new Map<string, { topic: string; partitions: number[] }>();
  for (const { topicId, topic, partition } of places) {
    const known = topics.get(topicId) ?? { topic, partitions: [] };
    known.partitions.push(partition);
    topics.set(topicId, known);
  }
  return [...topics]
    .map(([topicId, { topic, partitions }]) => ({
      topicId,
      topic,
      partitions: partitions.toSorted((a, b) => a - b),
    }))
    .toSorted((a, b) => (a.topicId < b.topicId ? -1 : 1));
}
