import type { Groups } from '../../lib/groups.ts';
import type { Log } from '../../lib/log.ts';
import { encodeBatch } from '../../lib/record/index.ts';
import type { Call } from '../../lib/storage/call.ts';
import { ask, askGroups, type Reply } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

/** The one record of all bad produces. */
export const FORBIDDEN_VALUE = 'never to be stored';

/** I10: a client that sends what no log may accept. Each request must be answered with one of Kafka's errors. */
export async function runVandal(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, profile, pool } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    for (let i = 0; i < profile.badRequestsPerEra; i++) {
      await scheduler.sleep(random.between(0, 1_000));
      const node = pool.pick();
      const process = node.process.name;
      const patience = { patienceMs: profile.patienceMs, deadlineMs: 5_000 };
      const judge =
        (what: string) =>
        (reply: Reply<unknown>): void => {
          if (reply.kind === 'error') noteSurprise(world, process, what, reply.error);
          if (reply.kind !== 'answer') return;
          const error = `accepted: ${JSON.stringify(reply.value)}`;
          world.history.surprises.push({ process, what, atMs: scheduler.nowMs, error });
        };
      if (profile.groups.groupIds.length > 0 && random.chance(0.5)) {
        const [what, act] = random.pick(badGroupRequests(world, random));
        await askGroups(scheduler, node, patience, act, judge(what));
        continue;
      }
      const [what, act] = random.pick(badRequests(world, random));
      await ask(scheduler, node, patience, act, judge(what));
    }
  }
}

type BadRequest = readonly [string, (log: Log, call: Call) => Promise<unknown>];

/** Nobody is ever in it. */
export const FORBIDDEN_GROUP = 'nobody';
const GROUP = { groupId: FORBIDDEN_GROUP, memberId: 'nobody' };

/** The same for groups. What is refused for one partition counts as refused. */
export function badGroupRequests(
  world: World,
  random: SeededRandom,
): readonly (readonly [string, (groups: Groups, call: Call) => Promise<unknown>])[] {
  const place = { topic: random.pick(world.profile.topicNames), partition: 0 };
  const thrown = async (results: Promise<readonly { readonly error?: unknown }[]>): Promise<unknown> => {
    const [result] = await results;
    if (result?.error !== undefined) throw result.error;
    return result;
  };
  const beyond = { ...place, offset: 1_000_000 };
  return [
    [
      'commit beyond the end',
      (groups, call) => thrown(groups.commit({ groupId: GROUP.groupId, offsets: [beyond] }, call)),
    ],
    [
      'commit as nobody',
      (groups, call) => {
        const member = { memberId: GROUP.memberId, memberEpoch: 1 };
        return thrown(
          groups.commit({ groupId: GROUP.groupId, member, offsets: [{ ...place, offset: 0 }] }, call),
        );
      },
    ],
    [
      'take over as nobody',
      (groups, call) => thrown(groups.takeOver({ ...GROUP, memberEpoch: 1, places: [place] }, call)),
    ],
    ['stay where one never was', (groups, call) => groups.heartbeat({ ...GROUP, memberEpoch: 3 }, call)],
    [
      'join a group without a name',
      (groups, call) =>
        groups.heartbeat(
          { groupId: '', memberId: 'm', memberEpoch: 0, subscription: { topics: ['orders'] }, owned: [] },
          call,
        ),
    ],
    [
      'join with half a pattern',
      (groups, call) =>
        groups.heartbeat({ ...GROUP, memberEpoch: 0, subscription: { topicRegex: '(' }, owned: [] }, call),
    ],
    ['describe nothing', (groups, call) => groups.describe(GROUP.groupId, call)],
    ['delete no group', async (groups, call) => (await groups.delete(GROUP.groupId, call)) ?? 'deleted'],
  ];
}

function badRequests(world: World, random: SeededRandom): readonly BadRequest[] {
  const topic = random.pick(world.profile.topicNames);
  const place = { topic, partition: 0 };
  const beyond = { topic, partition: 1_000 };
  const good = batch(world);
  const flipped = good.slice();
  // Everything behind the checksum's own four bytes is covered by it.
  const at = 21 + random.integer(flipped.length - 21);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << random.integer(8));
  const cut = good.slice(0, 1 + random.integer(good.length - 1));
  return [
    ['produce a damaged batch', (log, call) => log.produce({ ...place, batches: flipped }, call)],
    ['produce half a batch', (log, call) => log.produce({ ...place, batches: cut }, call)],
    ['produce nothing', (log, call) => log.produce({ ...place, batches: new Uint8Array() }, call)],
    ['produce beyond the partitions', (log, call) => log.produce({ ...beyond, batches: good }, call)],
    [
      'produce with a bad key',
      (log, call) => log.produce({ ...place, batches: good, idempotencyKey: ' ' }, call),
    ],
    ['fetch below 0', (log, call) => log.fetch({ ...place, offset: -1 }, call)],
    ['fetch at a fraction', (log, call) => log.fetch({ ...place, offset: 0.5 }, call)],
    ['fetch from nowhere', (log, call) => log.fetch({ topic: 'nobody', partition: 0, offset: 0 }, call)],
    ['create a bad name', async (log, call) => log.createTopic({ name: '../orders' }, call)],
    ['delete nothing', async (log, call) => (await log.deleteTopic('nobody', call)) ?? 'deleted'],
  ];
}

function batch({ codecs, scheduler }: World): Uint8Array {
  const value = new TextEncoder().encode(FORBIDDEN_VALUE);
  const timestampMs = Math.floor(scheduler.nowMs);
  return encodeBatch(codecs, [{ key: null, value, headers: [], timestampMs }], { compression: 'none' });
}
