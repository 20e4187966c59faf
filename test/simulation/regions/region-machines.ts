import type { FlowRun } from '../../../lib/replication/flow-run.ts';
import { openErrands } from '../../../lib/replication/groups/open-errands.ts';
import { runFlow } from '../../../lib/replication/replicator.ts';
import { HOUR_MS, MINUTE_MS } from '../durations.ts';
import { type JobName, type Task, tasksOf } from '../jobs.ts';
import { livePartitions, objectsReferredTo } from '../places.ts';
import { CALM_NETWORK } from '../profile.ts';
import type { SeededRandom } from '../random.ts';
import type { Storage } from '../storage.ts';
import { inEveryEra, quietly } from './region-clients.ts';
import type { Machine, RegionsWorld } from './regions-world.ts';

const GUARD_PAUSE_MS = 5 * HOUR_MS;
const SHARES = [
  { index: 0, count: 1 },
  { index: 0, count: 1 },
  { index: 0, count: 2 },
  { index: 1, count: 2 },
];

/** `lastMs`: on the replicator's own clock. */
export function copyFlow(
  machine: Machine,
  source: string,
  how: {
    readonly lastMs: number;
    readonly idleMs: number;
    readonly withErrands: boolean;
    readonly share?: { readonly index: number; readonly count: number };
  },
): Promise<FlowRun> {
  const { parts: target, region, process } = machine;
  const { lastMs, idleMs, withErrands, share } = how;
  const errands = withErrands ? openErrands(target, { region: region.alias }) : [];
  const sources = async (alias: string) => machine.reach(alias);
  const runParts = { target, region: region.alias, sources, errands, onFault: () => undefined };
  const deadlineMs = process.clock.monotonicMs() + lastMs;
  return runFlow(runParts, source, { idleMs, deadlineMs, ...(share === undefined ? {} : { share }) });
}

/** One place for replicators: one after another, each left to itself when it dies or sleeps too long. */
export async function runReplicators(
  world: RegionsWorld,
  random: SeededRandom,
  [target, source]: readonly [string, string],
): Promise<void> {
  const { scheduler } = world;
  await inEveryEra(world, async () => {
    for (let run = 0; run < world.profile.runsPerEra; run += 1) {
      await scheduler.sleep(random.next() * 8_000);
      const machine = await world.machine(target, `replicator ${world.next()}`, 'mortal');
      const lastMs = random.pick([4_000, 15_000, 40_000]);
      const idleMs = random.pick([1_000, 5_000, 60_000]);
      const share = random.pick(SHARES);
      const withErrands = random.chance(0.8);
      const { base } = world.profile;
      world.replicators.set(machine.process.name, {
        ...{ target, source, startedMs: scheduler.nowMs },
        isDisturbed: () => machine.hasSlept() || base.network !== CALM_NETWORK,
      });
      const done = quietly(world, `copying ${target} from ${source}`, () =>
        copyFlow(machine, source, { lastMs, idleMs, withErrands, share }),
      );
      await Promise.race([done, machine.process.gone, scheduler.sleep(lastMs + 5_000)]);
    }
  });
}

/** What keeps every log within its policy, on machines that fail, in the middle of all else. */
export async function runMaintenance(
  world: RegionsWorld,
  random: SeededRandom,
  alias: string,
): Promise<void> {
  const { scheduler, profile } = world;
  const jobs = Object.entries(profile.base.jobsPerEra).flatMap(([job, count]) =>
    Array.from({ length: count }, () => job as JobName),
  );
  await inEveryEra(world, async () => {
    for (const job of jobs) {
      await scheduler.sleep(random.next() * 10_000);
      for (const task of tasksOf(world.region(alias), job)) {
        const { process, parts, call } = await world.machine(alias, job, 'mortal');
        const done = quietly(world, job, () =>
          task.run({ random, parts, call: call(30_000) }).catch((fault: unknown) => {
            if (!isExcused(world.region(alias).storage, task, fault)) throw fault;
          }),
        );
        await Promise.race([done, process.gone, scheduler.sleep(MINUTE_MS)]);
      }
    }
  });
}

/** Of a topic that was deleted while the job slept nothing need be whole, nor an object that is nobody's any more. */
function isExcused(storage: Storage, { pk }: Task, fault: unknown): boolean {
  if (pk === undefined || !livePartitions(storage).includes(pk)) return pk !== undefined;
  const [, objectKey] = /^Object (\S+) is missing/.exec(fault instanceof Error ? fault.message : '') ?? [];
  return objectKey !== undefined && !objectsReferredTo(storage, pk).includes(objectKey);
}

/** The schedule, on a machine that works: nothing expires before it is sealed. */
export async function runGuard(world: RegionsWorld, alias: string): Promise<void> {
  const random = world.random.fork();
  const { parts, call } = await world.machine(alias, 'guard', 'steady');
  for (;;) {
    await world.scheduler.sleep(GUARD_PAUSE_MS);
    for (const job of ['pushExpiry', 'seal', 'seal', 'seal'] as const) {
      for (const task of tasksOf(world.region(alias), job)) {
        await quietly(world, job, () => task.run({ random, parts, call: call() }));
      }
    }
  }
}

/** Regions that cannot be reached from the others for seconds to minutes. */
export async function runCuts(world: RegionsWorld, random: SeededRandom, alias: string): Promise<void> {
  const { abroad } = world.region(alias);
  await inEveryEra(world, async () => {
    if (!random.chance(world.profile.cutOffRate)) return;
    await world.scheduler.sleep(random.next() * 20_000);
    if (world.lost === alias) return;
    const { brokenBeforeRate, throttleRate } = abroad;
    Object.assign(
      abroad,
      random.chance(0.5) ? { brokenBeforeRate: 1, throttleRate: 0 } : { throttleRate: 1 },
    );
    await world.scheduler.sleep(random.between(1_000, 90_000));
    if (world.lost !== alias) Object.assign(abroad, { brokenBeforeRate, throttleRate });
  });
}

/** One region may be lost at any time; it is back when whoever settles says so. */
export async function runLoss(world: RegionsWorld, random: SeededRandom): Promise<void> {
  const { profile, eraStartsMs, scheduler } = world;
  if (!random.chance(profile.lossRate)) return;
  const atMs = random.pick(eraStartsMs.slice(0, -1)) + random.next() * 60_000;
  await scheduler.sleep(Math.max(0, atMs - scheduler.nowMs));
  world.lost = random.pick(profile.aliases);
  const { abroad, home, calm } = world.region(world.lost);
  for (const conduct of [abroad, home, calm])
    Object.assign(conduct, { ...CALM_NETWORK, brokenBeforeRate: 1 });
}
