import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

const TRIES_MAX = 20;
const PATIENCE = { patienceMs: 40_000, deadlineMs: 20_000 };

/** Deletes topics in the middle of a burst and creates them again under the same name. */
export async function runTopicChanger(world: World, random: SeededRandom, name: string): Promise<void> {
  const { scheduler, profile } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.next() ** 2 * 3_000);
    if (!random.chance(profile.topicChangeRate)) continue;
    await deleteTopic(world, random, name);
    await scheduler.sleep(random.next() * 500);
    await createTopic(world, random, name, () => world.pool.pick());
  }
}

/** Changes how long records are kept, and adds partitions, while everybody is at work. */
export async function runTopicTuner(world: World, random: SeededRandom, name: string): Promise<void> {
  const { scheduler, profile } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.next() ** 2 * 3_000);
    if (!random.chance(profile.topicTuningRate)) continue;
    const [config, value] = random.pick(TUNINGS);
    await tell(world, world.pool.pick(), `alter ${name}`, (log, call) =>
      log.alterConfigs(name, [{ name: config, value }], { validateOnly: false }, call),
    );
    if (!random.chance(0.3)) continue;
    await tell(world, world.pool.pick(), `grow ${name}`, async (log, call) => {
      await log.createPartitions(name, profile.partitionCount + 1, call);
    });
  }
}

const TUNINGS: readonly (readonly [string, string | undefined])[] = [
  ['retention.ms', '60000'],
  ['retention.ms', '-1'],
  ['retention.bytes', '1000'],
  ['delete.retention.ms', '21600000'],
  ['delete.retention.ms', undefined],
];

export async function createTopic(
  world: World,
  random: SeededRandom,
  name: string,
  node: () => Node,
): Promise<void> {
  const { partitionCount, topicConfigs: configs } = world.profile;
  for (let i = 0; i < TRIES_MAX; i++) {
    const code = await tell(world, node(), `create ${name}`, async (log, call) => {
      await log.createTopic({ name, partitionCount, configs }, call);
    });
    if (code === 'done' || code === 'TOPIC_ALREADY_EXISTS') return;
    await world.scheduler.sleep(random.between(50, 1_000));
  }
}

/** A deletion counts as known once a node has answered that it is done. */
async function deleteTopic(world: World, random: SeededRandom, topic: string): Promise<void> {
  for (let i = 0; i < TRIES_MAX; i++) {
    const node = world.pool.pick();
    const startedMs = world.scheduler.nowMs;
    const code = await tell(world, node, `delete ${topic}`, (log, call) => log.deleteTopic(topic, call));
    if (code === 'done') {
      const endedMs = world.scheduler.nowMs;
      world.history.deletions.push({ topic, process: node.process.name, startedMs, endedMs });
      return;
    }
    if (code === 'UNKNOWN_TOPIC_OR_PARTITION') return;
    await world.scheduler.sleep(random.between(50, 1_000));
  }
}

async function tell(
  world: World,
  node: Node,
  what: string,
  act: Parameters<typeof ask<void>>[3],
): Promise<string> {
  const process = node.process.name;
  world.trace.add({ kind: 'admin', process, detail: what });
  const reply = await ask(world.scheduler, node, PATIENCE, act, (heard) => {
    world.trace.add({ kind: 'admin', process, detail: () => `${what}: ${heard.kind}` });
  });
  if (reply.kind === 'answer') return 'done';
  return reply.kind === 'error' ? noteSurprise(world, process, what, reply.error) : 'silence';
}
