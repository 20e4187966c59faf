import type { CommitAttempt } from './group-history.ts';
import { type Held, heedRefusal, type MemberClient, PATIENCE, refusalOf } from './member-client.ts';
import { askGroups } from './pool.ts';
import { fetch, list } from './readers.ts';

/** Reads on in one partition, and deals with what it is given at once. */
export async function poll(client: MemberClient, held: Held): Promise<void> {
  const read = await readOn(client, held);
  if (read === undefined) return;
  held.position = read.nextOffset;
  deliver(client, held, read.texts);
}

export interface ReadOn {
  readonly texts: readonly string[];
  readonly nextOffset: number;
}

/** What comes next, if there is anything. */
export async function readOn(client: MemberClient, held: Held): Promise<ReadOn | undefined> {
  const { world, random } = client;
  const { topic, topicId, partition } = held;
  const place = { node: world.pool.pick(), topic, topicId, partition };
  if (held.position === undefined) {
    const { outcome } = await list(world, random, place, 'earliest');
    if (outcome.kind !== 'listed') return undefined;
    held.position = outcome.offset;
  }
  const from = held.position;
  const { outcome } = await fetch(world, random, { ...place, offset: from });
  if (outcome.kind === 'failed' && outcome.code === 'OFFSET_OUT_OF_RANGE') held.position = undefined;
  if (outcome.kind !== 'read' || outcome.nextOffset === from) return undefined;
  const texts = outcome.records.filter(({ offset }) => offset >= from).map(({ text }) => text);
  return { texts, nextOffset: outcome.nextOffset };
}

export function deliver(client: MemberClient, held: Held, texts: readonly string[]): void {
  const { world, groupId, memberId } = client;
  const { topic, partition } = held;
  const atMs = world.scheduler.nowMs;
  world.history.groups.deliveries.push({ groupId, memberId, topic, partition, atMs, texts });
}

/** Commits how far it has come, where that is news. */
export async function commit(client: MemberClient, partitions: readonly Held[]): Promise<void> {
  const { world, groupId, memberId, instanceId, epoch: memberEpoch } = client;
  const news = partitions.filter(({ position, committed }) => (position ?? 0) > (committed ?? 0));
  if (news.length === 0) return;
  const { scheduler, history, trace, pool } = world;
  const node = pool.pick();
  const process = node.process.name;
  const records = news.map(({ pk, topic, partition, position }, index): CommitAttempt => {
    const span = { groupId, process, startedMs: scheduler.nowMs, endedMs: Number.POSITIVE_INFINITY };
    const offset = position ?? 0;
    const metadata = `commit ${history.groups.commits.length + index}`;
    const outcome = { kind: 'open' } as const;
    return { ...span, memberId, memberEpoch, pk, topic, partition, offset, metadata, outcome };
  });
  history.groups.commits.push(...records);
  const member = { memberId, memberEpoch, ...(instanceId === undefined ? {} : { instanceId }) };
  const offsets = records.map(({ topic, partition, offset, metadata }, index) => {
    const topicId = news[index]?.topicId ?? '';
    return { topic, topicId, partition, offset, metadata };
  });
  const reply = await askGroups(
    scheduler,
    node,
    PATIENCE,
    (groups, call) => groups.commit({ groupId, member, offsets }, call),
    (heard) => {
      records.forEach((record, index) => {
        record.endedMs = scheduler.nowMs;
        const error = heard.kind === 'answer' ? heard.value[index]?.error : undefined;
        if (heard.kind !== 'answer') record.outcome = refusalOf(world, process, 'commit', heard);
        else
          record.outcome = error === undefined ? { kind: 'committed' } : { kind: 'failed', code: error.code };
      });
      const outcomes = (): string =>
        records
          .map(({ offset, metadata, outcome }) => `${metadata} ${offset} ${JSON.stringify(outcome)}`)
          .join();
      trace.add({ kind: 'committed', process, detail: () => `${groupId} ${memberId}: ${outcomes()}` });
    },
  );
  if (reply.kind === 'error') heedRefusal(client, reply.error);
  if (reply.kind !== 'answer') return;
  reply.value.forEach(({ error }, index) => {
    const held = news[index];
    if (held === undefined) return;
    if (error === undefined) held.committed = records[index]?.offset;
    // Another one has taken it over.
    else if (error.code === 'STALE_MEMBER_EPOCH') client.held.delete(held.pk);
  });
}
