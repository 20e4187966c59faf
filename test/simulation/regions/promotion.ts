import { openRegion } from '../../../lib/open-region.ts';
import { topicsIn } from '../places.ts';
import type { SeededRandom } from '../random.ts';
import { checkExport } from './check-promoted.ts';
import { flowsOf, restoreFlow, thaw, untilComplete } from './region-admins.ts';
import { homeTopic, inEveryEra, produce, quietly, TOPIC_PATTERN } from './region-clients.ts';
import type { Promoted, RegionsWorld } from './regions-world.ts';
import { settleFlows } from './settle-flows.ts';

const LOOK_MS = 5_000;
const TRIES_MAX = 20;

/**
 * Under `identity`: when a region is lost, the other one promotes its copies, and its clients write to them. Replicators that
 * sleep meanwhile are not asked.
 */
export async function runPromotion(world: RegionsWorld, random: SeededRandom): Promise<void> {
  const { profile, scheduler } = world;
  if (!profile.promotes) return;
  const waitMs = random.next() * 60_000;
  let isDone = false;
  await inEveryEra(world, async () => {
    for (let look = 0; look < 12 && world.lost === undefined; look += 1) await scheduler.sleep(LOOK_MS);
    if (world.lost === undefined) return;
    if (!isDone) await scheduler.sleep(waitMs);
    isDone = isDone || (await promote(world, world.lost));
    if (isDone) await writeOn(world, random);
  });
}

/** Whether there is anything to be written to. */
async function promote(world: RegionsWorld, source: string): Promise<boolean> {
  const alias = world.profile.aliases.find((one) => one !== source) ?? source;
  const machine = await world.machine(alias, 'promoter', 'calm');
  let isComplete = false;
  for (let tries = 0; tries < TRIES_MAX && !isComplete; tries += 1) {
    await quietly(world, 'promoting', async () => {
      ({ isComplete } = await flowsOf(world, machine).promote(source, machine.call()));
    });
  }
  const name = homeTopic(world, source);
  const topic = topicsIn(machine.region.storage, 'active').find((one) => one.name === name);
  if (topic?.promoted === undefined) return false;
  world.promoted = { source, alias };
  return true;
}

async function writeOn(world: RegionsWorld, random: SeededRandom): Promise<void> {
  if (world.promoted === undefined) return;
  const { source, alias } = world.promoted;
  const { base } = world.profile;
  const machine = await world.machine(alias, 'heir', 'calm');
  const topic = homeTopic(world, source);
  for (let i = 0; i < base.producesPerEra; i += 1) {
    await world.scheduler.sleep(random.next() * base.thinkMsMax);
    const { partitionCount = 1 } =
      topicsIn(machine.region.storage, 'active').find(({ name }) => name === topic) ?? {};
    const wanted = { topic, partition: random.integer(partitionCount), count: 1 + random.integer(4) };
    await produce(world, machine, random, wanted);
  }
}

/**
 * The way back, as `npm run region` goes it: the region that was lost is frozen, what it had and nobody had copied is brought
 * into a topic of its own, its topic is deleted, and comes back as a copy.
 */
export async function takeBack(world: RegionsWorld, promoted: Promoted): Promise<readonly string[]> {
  const { source, alias } = promoted;
  const lost = await world.machine(source, 'freezer', 'calm');
  const isFrozen = await untilComplete((call) => openRegion(lost.parts).freeze(call), 'FROZEN', lost.call);
  if (!isFrozen) return [`${source} does not freeze`];
  const heir = await world.machine(alias, 'exporter', 'calm');
  const flows = flowsOf(world, heir);
  await flows.create(
    { source, policy: 'prefixed', topics: [TOPIC_PATTERN], start: 'promotion' },
    heir.call(),
  );
  if (!(await thaw(world, alias))) return [`${alias} does not open`];
  const problems = [...(await settleFlows(world, [[alias, source]]))];
  problems.push(...(await checkExport(world, promoted)));
  await flows.delete(source, heir.call());

  await lost.log.deleteTopic(homeTopic(world, source), lost.call());
  await restoreFlow(world, await world.machine(source, 'settler', 'calm'), [source, alias]);
  if (!(await thaw(world, source))) return [...problems, `${source} does not open`];
  return [...problems, ...(await settleFlows(world, [[source, alias]]))];
}
