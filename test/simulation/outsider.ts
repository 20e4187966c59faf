import type { CommitAttempt, Taking } from './group-history.ts';
import { OUTSIDE } from './group-profile.ts';
import { type MemberClient, newMember, PATIENCE, refusalOf } from './member-client.ts';
import { deliver, readOn } from './member-work.ts';
import { livePlaces, topicsIn } from './places.ts';
import { askGroups } from './pool.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

const NAME = 'outsider';

/** A client that keeps its positions in a group without joining it: asks where it is, reads on, says where it is now. */
export async function runOutsider(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, profile } = world;
  const { groups } = profile;
  const client = newMember(world, random, OUTSIDE, undefined);
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.next() ** 2 * 3_000);
    for (let i = 0; i < groups.roundsPerEra; i++) {
      const places = livePlaces(world.storage);
      if (places.length > 0) await step(client, random.pick(places));
      await scheduler.sleep(random.next() * groups.pauseMsMax);
    }
  }
}

interface Target {
  readonly topic: string;
  readonly partition: number;
  readonly pk: string;
}

async function step(client: MemberClient, { topic, partition, pk }: Target): Promise<void> {
  const { world, random } = client;
  const topicId = topicsIn(world.storage, 'active').find(({ name }) => name === topic)?.topicId ?? '';
  const position = await askPosition(client, { topic, partition, pk });
  if (position === 'unknown') return;
  const held = { pk, topicId, topic, partition, position, committed: position, memberEpoch: 0 };
  const read = await readOn(client, held);
  if (read === undefined) return;
  deliver(client, held, read.texts);
  if (random.chance(0.9)) await commitOutside(client, { topic, topicId, partition, offset: read.nextOffset });
}

/** Judged like what a member is told when it takes a partition over. */
async function askPosition(client: MemberClient, place: Target): Promise<number | undefined | 'unknown'> {
  const { world, groupId } = client;
  const { scheduler, history, pool } = world;
  const { topic, partition, pk } = place;
  const node = pool.pick();
  const process = node.process.name;
  const record: Taking = {
    groupId,
    process,
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    memberId: NAME,
    memberEpoch: 0,
    topic,
    partition,
    outcome: { kind: 'open' },
  };
  history.groups.takings.push(record);
  const reply = await askGroups(
    scheduler,
    node,
    PATIENCE,
    (groups, call) => groups.committed(groupId, [{ topic, partition }], call),
    (heard) => {
      record.endedMs = scheduler.nowMs;
      if (heard.kind !== 'answer') {
        record.outcome = refusalOf(world, process, 'committed', heard);
        return;
      }
      const [told] = heard.value;
      const committed = told && { offset: told.offset, metadata: told.metadata };
      // The name may stand for another topic by now.
      const isMeant = told === undefined || pk === `${told.topicId}:${partition}`;
      if (isMeant) record.outcome = { kind: 'taken', pk, committed };
    },
  );
  if (reply.kind !== 'answer' || record.outcome.kind !== 'taken') return 'unknown';
  return record.outcome.committed?.offset;
}

async function commitOutside(
  { world, groupId }: MemberClient,
  at: {
    readonly topic: string;
    readonly topicId: string;
    readonly partition: number;
    readonly offset: number;
  },
): Promise<void> {
  const { scheduler, history, trace, pool } = world;
  const node = pool.pick();
  const process = node.process.name;
  const { topic, partition, offset } = at;
  const metadata = `commit ${history.groups.commits.length}`;
  const record: CommitAttempt = {
    groupId,
    process,
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    memberId: undefined,
    memberEpoch: 0,
    pk: `${at.topicId}:${partition}`,
    topic,
    partition,
    offset,
    metadata,
    outcome: { kind: 'open' },
  };
  history.groups.commits.push(record);
  await askGroups(
    scheduler,
    node,
    PATIENCE,
    (groups, call) => groups.commit({ groupId, offsets: [{ ...at, metadata }] }, call),
    (heard) => {
      record.endedMs = scheduler.nowMs;
      const error = heard.kind === 'answer' ? heard.value[0]?.error : undefined;
      if (heard.kind !== 'answer') record.outcome = refusalOf(world, process, 'commit', heard);
      else
        record.outcome = error === undefined ? { kind: 'committed' } : { kind: 'failed', code: error.code };
      const detail = (): string =>
        `${groupId} outside: ${metadata} ${offset} ${JSON.stringify(record.outcome)}`;
      trace.add({ kind: 'committed', process, detail });
    },
  );
}
