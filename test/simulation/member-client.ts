import { MillraceError } from '../../lib/errors.ts';
import type { AssignedTopic, GroupHeartbeat, HeartbeatAnswer, TakenPosition } from '../../lib/groups.ts';
import type { Beat, Refusal, Taking } from './group-history.ts';
import { askGroups, type Reply } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

/** A partition of which a member knows that it is its own, and where it is in it. */
export interface Held {
  readonly pk: string;
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  /** Undefined: at the beginning of the log, wherever that is. */
  position: number | undefined;
  committed: number | undefined;
  /** With which it took it over. */
  readonly memberEpoch: number;
}

/** One member as it sees itself: what a client library would remember. */
export interface MemberClient {
  readonly world: World;
  readonly random: SeededRandom;
  readonly groupId: string;
  readonly memberId: string;
  readonly instanceId: string | undefined;
  readonly subscription: NonNullable<GroupHeartbeat['subscription']>;
  readonly assignor: string;
  /** 0 while it is not a member. */
  epoch: number;
  /** What it is to have. */
  assigned: readonly AssignedTopic[];
  readonly held: Map<string, Held>;
  /** What it had when a heartbeat was answered last. */
  reported: string;
  /** Nobody wants it any more: its name is another's. */
  isReplaced: boolean;
}

export const PATIENCE = { patienceMs: 10_000, deadlineMs: 8_000 } as const;
const REBALANCE_MS = 3_600_000;

export function newMember(
  world: World,
  random: SeededRandom,
  groupId: string,
  instanceId: string | undefined,
): MemberClient {
  const { topicNames, groups } = world.profile;
  const subscription = random.chance(groups.regexRate)
    ? { topicRegex: '(orders|click.*)' }
    : { topics: topicNames };
  return {
    world,
    random,
    groupId,
    memberId: random.uuid(),
    instanceId,
    subscription,
    assignor: random.pick(groups.assignors),
    epoch: 0,
    assigned: [],
    held: new Map(),
    reported: '',
    isReplaced: false,
  };
}

/** Tells what it has, and hears what it is to have. It gives up the rest before the next heartbeat. */
export async function heartbeat(client: MemberClient): Promise<void> {
  const { random, held } = client;
  const owned = [...held.keys()].sort();
  const isNew = owned.join() !== client.reported;
  const joins = client.epoch === 0;
  const { groups } = client.world.profile;
  const reply = await send(client, {
    memberEpoch: client.epoch,
    ...(joins || isNew || random.chance(0.2) ? { owned: asTopics([...held.values()]) } : {}),
    ...(joins
      ? {
          clientId: 'simulated',
          sessionTimeoutMs: groups.sessionTimeoutMs,
          rebalanceTimeoutMs: REBALANCE_MS,
          subscription: client.subscription,
          assignor: client.assignor,
        }
      : {}),
  });
  if (reply.kind === 'error') heedRefusal(client, reply.error);
  if (reply.kind !== 'answer') return;
  client.epoch = reply.value.memberEpoch;
  client.reported = owned.join();
  if (reply.value.assignment !== undefined) client.assigned = reply.value.assignment;
}

/** -1 for good, -2 to come back under the same name. It does not wait to be understood. */
export async function leave(client: MemberClient, memberEpoch: -1 | -2): Promise<void> {
  await send(client, { memberEpoch });
}

function send(
  client: MemberClient,
  beat: Omit<GroupHeartbeat, 'groupId' | 'memberId' | 'instanceId'>,
): Promise<Reply<HeartbeatAnswer>> {
  const { world, groupId, memberId, instanceId } = client;
  const { scheduler, history, trace, pool } = world;
  const node = pool.pick();
  const process = node.process.name;
  const record: Beat = {
    groupId,
    process,
    memberId,
    instanceId,
    memberEpoch: beat.memberEpoch,
    sessionTimeoutMs: world.profile.groups.sessionTimeoutMs,
    owned: [...client.held.keys()].sort(),
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    outcome: { kind: 'open' },
  };
  history.groups.beats.push(record);
  const request = { groupId, memberId, ...(instanceId === undefined ? {} : { instanceId }), ...beat };
  return askGroups(
    scheduler,
    node,
    PATIENCE,
    (groups, call) => groups.heartbeat(request, call),
    () => undefined,
  ).then((reply) => {
    // An answer that comes when nobody waits any more is not heard.
    if (reply.kind !== 'silence') record.endedMs = scheduler.nowMs;
    if (reply.kind === 'answer') {
      const { memberEpoch, assignment } = reply.value;
      record.outcome = { kind: 'answered', memberEpoch, assigned: assignment && partitionsOf(assignment) };
    } else {
      record.outcome = refusalOf(world, process, 'heartbeat', reply);
    }
    trace.add({ kind: 'beat', process, detail: () => beatText(client, record) });
    return reply;
  });
}

function beatText({ memberId, groupId }: MemberClient, { memberEpoch, owned, outcome }: Beat): string {
  return `${groupId} ${memberId} at ${memberEpoch} has ${JSON.stringify(owned)}: ${JSON.stringify(outcome)}`;
}

const NO_MEMBER: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'FENCED_MEMBER_EPOCH',
  'STALE_MEMBER_EPOCH',
]);

/** A member that is told not to be one gives everything up and joins again. */
export function heedRefusal(client: MemberClient, error: unknown): void {
  if (!(error instanceof MillraceError)) return;
  if (error.code === 'FENCED_INSTANCE_ID') client.isReplaced = true;
  if (!NO_MEMBER.has(error.code)) return;
  client.epoch = 0;
  client.assigned = [];
  client.held.clear();
}

/** Takes over what it is to have and has not yet. */
export async function takeOver(client: MemberClient): Promise<void> {
  const { world, groupId, memberId, held, assigned, epoch: memberEpoch } = client;
  const places = assigned.flatMap(({ topicId, topic, partitions }) =>
    partitions
      .filter((partition) => !held.has(`${topicId}:${partition}`))
      .map((partition) => ({ topic, partition })),
  );
  if (places.length === 0) return;
  const { scheduler, history, trace, pool } = world;
  const node = pool.pick();
  const process = node.process.name;
  const records = places.map((place): Taking => {
    const span = { groupId, process, startedMs: scheduler.nowMs, endedMs: Number.POSITIVE_INFINITY };
    return { ...span, memberId, memberEpoch, ...place, outcome: { kind: 'open' } };
  });
  history.groups.takings.push(...records);
  const reply = await askGroups(
    scheduler,
    node,
    PATIENCE,
    (groups, call) => groups.takeOver({ groupId, memberId, memberEpoch, places }, call),
    (heard) => {
      records.forEach((record, index) => {
        record.endedMs = scheduler.nowMs;
        record.outcome =
          heard.kind === 'answer'
            ? takenOutcome(heard.value[index])
            : refusalOf(world, process, 'take over', heard);
      });
      const detail = (): string =>
        `${groupId} ${memberId} at ${memberEpoch}: ${JSON.stringify(records.map(({ outcome }) => outcome))}`;
      trace.add({ kind: 'took', process, detail });
    },
  );
  if (reply.kind === 'error') heedRefusal(client, reply.error);
  if (reply.kind !== 'answer') return;
  for (const { topic, topicId, partition, committed, error } of reply.value) {
    const pk = `${topicId}:${partition}`;
    const isAssigned = partitionsOf(client.assigned).includes(pk);
    // A topic that was made again in the meantime has another id; the next heartbeat will tell of it.
    if (error !== undefined || !isAssigned) continue;
    const position = committed?.offset;
    held.set(pk, { pk, topicId, topic, partition, position, committed: position, memberEpoch });
  }
}

function takenOutcome(taken: TakenPosition | undefined): Taking['outcome'] {
  if (taken === undefined) return { kind: 'failed', code: 'nothing was answered' };
  if (taken.error !== undefined) return { kind: 'failed', code: taken.error.code };
  const { topicId, partition, committed } = taken;
  const position = committed && { offset: committed.offset, metadata: committed.metadata };
  return { kind: 'taken', pk: `${topicId}:${partition}`, committed: position };
}

export function refusalOf(world: World, process: string, what: string, reply: Reply<unknown>): Refusal {
  if (reply.kind !== 'error') return { kind: 'open' };
  return { kind: 'failed', code: noteSurprise(world, process, what, reply.error) };
}

export function partitionsOf(topics: readonly AssignedTopic[]): string[] {
  return topics.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => `${topicId}:${partition}`),
  );
}

function asTopics(held: readonly Held[]): AssignedTopic[] {
  const byTopic = Map.groupBy(held, ({ topicId }) => topicId);
  return [...byTopic].map(([topicId, same]) => ({
    topicId,
    topic: same[0]?.topic ?? '',
    partitions: same.map(({ partition }) => partition).sort((a, b) => a - b),
  }));
}
