import type { FlowStart, NewFlow } from '../../../lib/flows.ts';
import { openFlows } from '../../../lib/open-flows.ts';
import { openRegion } from '../../../lib/open-region.ts';
import type { Region } from '../../../lib/region.ts';
import { MINUTE_MS } from '../durations.ts';
import type { SeededRandom } from '../random.ts';
import { homeOf, homeTopic, inEveryEra, quietly, TOPIC_PATTERN } from './region-clients.ts';
import type { Machine, RegionsWorld } from './regions-world.ts';

type FlowEnds = readonly [target: string, source: string];

const TRIES_MAX = 20;

export function flowsOf(world: RegionsWorld, { parts, region }: Machine): ReturnType<typeof openFlows> {
  return openFlows(parts, { region: region.alias, sources: async (other) => world.regions.get(other) });
}

/** Everybody that looks after one flow. */
export async function runFlowAdmin(world: RegionsWorld, random: SeededRandom, ends: FlowEnds): Promise<void> {
  const [target] = ends;
  const machine = await world.machine(target, 'admin', 'calm');
  const { base, haltsPerEra, lateRate } = world.profile;
  const isLate = random.chance(lateRate);
  if (isLate) await world.scheduler.sleep(random.next() * base.thinkMsMax * base.producesPerEra);
  await createFlow(world, machine, random, ends, isLate);
  await inEveryEra(world, async () => {
    for (let i = 0; i < haltsPerEra; i += 1) {
      await world.scheduler.sleep(random.next() * 30_000);
      await quietly(world, 'halting a flow', () => halt(world, machine, random, ends));
    }
    await tidy(world, machine, ends, random.chance(0.5));
    await relayNowAndThen(world, machine, random, ends);
  });
}

async function createFlow(
  world: RegionsWorld,
  machine: Machine,
  random: SeededRandom,
  [target, source]: FlowEnds,
  isLate: boolean,
): Promise<void> {
  const { policy, starts } = world.profile;
  const start = isLate ? drawStart(world, random, source, random.pick(starts)) : 'earliest';
  const flow: NewFlow = { source, policy, topics: [TOPIC_PATTERN], start };
  const since = world.flowsSince.get(target) ?? new Map<string, number>();
  world.flowsSince.set(target, since);
  if (!since.has(source)) since.set(source, world.scheduler.nowMs);
  await quietly(world, 'creating a flow', () => flowsOf(world, machine).create(flow, machine.call()));
}

function drawStart(
  world: RegionsWorld,
  random: SeededRandom,
  source: string,
  kind: RegionsWorld['profile']['starts'][number],
): FlowStart {
  if (kind === 'earliest' || kind === 'latest') return kind;
  if (kind === 'offset') return { offset: random.integer(20) };
  const times = world.acknowledged.filter(({ alias }) => alias === source).map(({ atMs }) => atMs);
  const last = times.at(-1) ?? world.scheduler.nowMs;
  return { timestampMs: Math.floor(random.between(world.startMs, last + 1_000)) };
}

/** Nothing but records is moved by it, whether the region is there or not. */
async function relayNowAndThen(
  world: RegionsWorld,
  machine: Machine,
  random: SeededRandom,
  ends: FlowEnds,
): Promise<void> {
  const { aliases, relayRate } = world.profile;
  if (!random.chance(relayRate / 2)) return;
  const others = aliases.filter((alias) => !ends.includes(alias));
  await quietly(world, 'relaying', () => relay(world, machine, ends, others));
  await world.scheduler.sleep(random.next() * 2 * MINUTE_MS);
  if (random.chance(0.5)) await quietly(world, 'relaying', () => relay(world, machine, ends, []));
}

export async function relay(
  world: RegionsWorld,
  machine: Machine,
  [, source]: FlowEnds,
  relays: readonly string[],
): Promise<void> {
  await flowsOf(world, machine).setRelays(source, relays, machine.call());
}

/** Paused and resumed; or deleted, and created again. ⚑ What is noted of it begins with the answer. */
async function halt(
  world: RegionsWorld,
  machine: Machine,
  random: SeededRandom,
  ends: FlowEnds,
): Promise<void> {
  const [alias, source] = ends;
  const { scheduler, halts } = world;
  const flows = flowsOf(world, machine);
  const isDeleted = random.chance(0.25);
  if (isDeleted) await flows.delete(source, machine.call());
  else await flows.pause(source, machine.call());
  const told = { alias, source, fromMs: scheduler.nowMs, toMs: Number.POSITIVE_INFINITY };
  halts.push(told);
  await scheduler.sleep(random.pick([5_000, 60_000, 3 * MINUTE_MS]) * random.next());
  told.toMs = scheduler.nowMs;
  if (isDeleted) await createFlow(world, machine, random, ends, false);
  else await flows.resume(source, machine.call());
}

/** In the end every flow is there and runs, whatever became of those who were to see to that. */
export async function restoreFlow(world: RegionsWorld, machine: Machine, ends: FlowEnds): Promise<void> {
  const [, source] = ends;
  const known = await flowsOf(world, machine).list(machine.call());
  if (known.every((flow) => flow.source !== source)) {
    await createFlow(world, machine, world.random, ends, false);
  } else await flowsOf(world, machine).resume(source, machine.call());
}

/** And so is the topic that the region's clients write to. */
export async function restoreTopic(world: RegionsWorld, alias: string): Promise<void> {
  if (homeOf(world, alias) !== undefined) return;
  const { log, call } = await world.machine(alias, 'topics', 'calm');
  const name = homeTopic(world, alias);
  await quietly(world, 'deleting', () => log.deleteTopic(name, call()));
  await log.createTopic({ name, configs: world.profile.base.topicConfigs }, call());
}

/** Copies of topics that were made anew are read to their end, and deleted: then the new ones are copied. How many. */
export async function tidy(
  world: RegionsWorld,
  machine: Machine,
  [, source]: FlowEnds,
  isTidy: boolean,
): Promise<number> {
  let count = 0;
  await quietly(world, 'deleting copies', async () => {
    const { progress } = await flowsOf(world, machine).describe(source, machine.call());
    for (const { state, topic } of progress?.topics ?? []) {
      if (!isTidy || state !== 'SOURCE_RECREATED') continue;
      await machine.log.deleteTopic(topic, machine.call());
      count += 1;
    }
  });
  return count;
}

/** Topics are widened, and deleted and made anew. */
export async function runTopicAdmin(world: RegionsWorld, random: SeededRandom, alias: string): Promise<void> {
  const { growthRate, recreationRate, base } = world.profile;
  const name = homeTopic(world, alias);
  const { log, call } = await world.machine(alias, 'topics', 'calm');
  await inEveryEra(world, async () => {
    await world.scheduler.sleep(random.next() * 30_000);
    const { partitionCount = 1 } = homeOf(world, alias) ?? {};
    if (random.chance(growthRate)) {
      await quietly(world, 'widening', () => log.createPartitions(name, partitionCount + 1, call()));
    }
    await world.scheduler.sleep(random.next() * 20_000);
    if (!random.chance(recreationRate)) return;
    await quietly(world, 'deleting', () => log.deleteTopic(name, call()));
    await world.scheduler.sleep(random.pick([0, 1_000, 90_000]) * random.next());
    const again = { name, partitionCount: 1 + random.integer(2), configs: base.topicConfigs };
    await quietly(world, 'making anew', () => log.createTopic(again, call()));
  });
}

/** Freezes a region on a machine that may fail on the way, and thaws it on one that does not. */
export async function runFreezer(world: RegionsWorld, random: SeededRandom, alias: string): Promise<void> {
  const { scheduler, freezes, profile } = world;
  await inEveryEra(world, async () => {
    for (let i = 0; i < profile.freezesPerEra; i += 1) {
      await scheduler.sleep(random.next() * 30_000);
      const { process, parts, call } = await world.machine(alias, 'freezer', 'mortal');
      const frozen = quietly(world, 'freezing', async () => {
        const isDone = await untilComplete((each) => openRegion(parts).freeze(each), 'FROZEN', call);
        if (isDone && !isOver) freezes.push(told);
        told.fromMs = scheduler.nowMs;
      });
      const told = { alias, fromMs: 0, toMs: Number.POSITIVE_INFINITY };
      let isOver = false;
      await Promise.race([frozen, process.gone, scheduler.sleep(MINUTE_MS)]);
      await scheduler.sleep(random.pick([2_000, 30_000, 2 * MINUTE_MS]) * random.next());
      isOver = true;
      told.toMs = scheduler.nowMs;
      await thaw(world, alias);
    }
  });
}

export async function thaw(world: RegionsWorld, alias: string): Promise<boolean> {
  const { parts, call } = await world.machine(alias, 'thawer', 'calm');
  let isOpen = false;
  await quietly(world, 'thawing', async () => {
    isOpen = await untilComplete((each) => openRegion(parts).thaw(each), 'OPEN', call);
  });
  return isOpen;
}

export async function untilComplete(
  change: (call: ReturnType<Machine['call']>) => ReturnType<Region['freeze']>,
  wanted: 'OPEN' | 'FROZEN',
  call: Machine['call'],
): Promise<boolean> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { state, isComplete } = await change(call());
    if (state === wanted && isComplete) return true;
  }
  return false;
}
