import type { CommitAttempt } from './group-history.ts';
import { INBOX } from './group-profile.ts';
import {
  type Held,
  heartbeat,
  heedRefusal,
  type MemberClient,
  newMember,
  PATIENCE,
  partitionsOf,
  refusalOf,
  takeOver,
} from './member-client.ts';
import { deliver, readOn } from './member-work.ts';
import { askGroups, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { PartRefused } from './transactions.ts';
import type { World } from './world.ts';

/** A member with the log's library in its own process: if that is gone, so is the member. */
export interface InboxMember {
  readonly client: MemberClient;
  readonly node: Node;
}

/** Like `runMember`; but what becomes of a record is stored in one transaction with the position behind it. */
export async function runInboxMember(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, profile } = world;
  const { groups } = profile;
  let member: InboxMember | undefined;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.next() ** 2 * 3_000);
    for (let i = 0; i < groups.roundsPerEra; i++) {
      if (member === undefined || member.node.process.state === 'crashed') {
        member = newInboxMember(world, random, world.pool.pick());
      }
      await inboxRound(member);
      if (random.chance(groups.deathRate)) member = undefined;
      await scheduler.sleep(random.next() * groups.pauseMsMax);
    }
    if (!random.chance(groups.stayRate)) member = undefined;
  }
}

export function newInboxMember(world: World, random: SeededRandom, node: Node): InboxMember {
  const own: World = { ...world, pool: { ...world.pool, pick: () => node } };
  return { client: newMember(own, random, INBOX, undefined), node };
}

export async function inboxRound(member: InboxMember): Promise<void> {
  const { client } = member;
  const { random, world, held } = client;
  await heartbeat(client);
  const assigned = new Set(partitionsOf(client.assigned));
  for (const pk of [...held.keys()].filter((one) => !assigned.has(one))) held.delete(pk);
  if (client.epoch > 0) await takeOver(client);
  for (const one of [...held.values()]) {
    const read = await readOn(client, one);
    const { napRate, napMsMax } = world.profile.groups;
    if (random.chance(napRate)) await world.scheduler.sleep(random.next() * napMsMax);
    if (read !== undefined) await apply(member, one, read);
  }
}

/** If it is not known to have been stored, the member looks where the group stands by taking the partition over again. */
async function apply(
  { client, node }: InboxMember,
  held: Held,
  { texts, nextOffset }: { readonly texts: readonly string[]; readonly nextOffset: number },
): Promise<void> {
  const { world, random, groupId, memberId } = client;
  const { scheduler, history, trace } = world;
  const { topic, topicId, partition, pk, memberEpoch } = held;
  const process = node.process.name;
  const record: CommitAttempt = {
    groupId,
    process,
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    memberId,
    memberEpoch,
    pk,
    topic,
    partition,
    offset: nextOffset,
    metadata: `commit ${history.groups.commits.length}`,
    outcome: { kind: 'open' },
  };
  history.groups.commits.push(record);
  const isRefused = random.chance(0.1);
  const store = node.within.catalog({
    refuses: () => isRefused,
    apply: (atMs) => {
      history.groups.applied.push({ groupId, memberId, pk, atMs, texts });
      deliver(client, held, texts);
    },
  });
  const offset = { topic, topicId, partition, offset: nextOffset, metadata: record.metadata };
  const reply = await askGroups(
    scheduler,
    node,
    PATIENCE,
    (groups, call) =>
      groups.commitWithin({ groupId, member: { memberId, memberEpoch }, offset, store }, call),
    (heard) => {
      record.endedMs = scheduler.nowMs;
      if (heard.kind === 'answer') record.outcome = { kind: 'committed' };
      else if (heard.kind === 'error' && heard.error instanceof PartRefused) {
        record.outcome = { kind: 'failed', code: 'CANCELLED' };
      } else record.outcome = refusalOf(world, process, 'commit within', heard);
      const detail = (): string =>
        `${groupId} ${memberId}: ${record.metadata} ${nextOffset} ${JSON.stringify(record.outcome)}`;
      trace.add({ kind: 'applied', process, detail });
    },
  );
  if (reply.kind === 'answer') {
    held.position = nextOffset;
    held.committed = nextOffset;
    return;
  }
  if (reply.kind === 'error' && reply.error instanceof PartRefused) return;
  client.held.delete(pk);
  if (reply.kind === 'error') heedRefusal(client, reply.error);
}
