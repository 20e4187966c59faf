import { type JobName, runTask, type Task, tasksOf } from './jobs.ts';
import { hasUnsealed, topicsIn } from './places.ts';
import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

/** Well inside hot retention, so that nothing expires unsealed even if one round fails. */
const GUARD_PAUSE_MS = 5 * 3_600_000;
const DEADLINE_MS = 30_000;

/** Does one kind of job in the middle of every burst, often two processes at once, on machines that fail. */
export async function runMaintainer(world: World, random: SeededRandom, job: JobName): Promise<void> {
  const { scheduler, profile, pool } = world;
  const run = (task: Task): Promise<void> => {
    const deadlineMs = random.pick([1_000, 10_000, DEADLINE_MS]);
    return runTask(world, random, task, { node: pool.pick(), deadlineMs });
  };
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    for (let i = 0; i < (profile.jobsPerEra[job] ?? 0); i++) {
      await scheduler.sleep(random.next() ** 2 * 2_000);
      for (const task of tasksOf(world, job)) {
        const again = random.chance(0.4) ? run(task) : undefined;
        await run(task);
        await again;
      }
    }
  }
}

/**
 * The schedule, on a machine that works: it does what is left and finishes deletions that were cut off, in time, so that
 * nothing expires unsealed.
 */
export async function runGuard(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, storage, profile } = world;
  const node = world.pool.startCalm('guard', world.calmNetwork);
  for (;;) {
    await scheduler.sleep(GUARD_PAUSE_MS);
    for (const { name } of topicsIn(storage, 'deleting')) await finishDeletion(world, node, name);
    for (const task of profile.guardedBy.flatMap((job) => tasksOf(world, job))) {
      await keepUp(world, random, task, node);
    }
  }
}

async function keepUp(world: World, random: SeededRandom, task: Task, node: Node): Promise<void> {
  const { job, pk } = task;
  const at = { node, deadlineMs: DEADLINE_MS };
  if (job !== 'seal' || pk === undefined) return runTask(world, random, task, at);
  for (let i = 0; i < 20 && hasUnsealed(world.storage, pk); i++) await runTask(world, random, task, at);
}

async function finishDeletion(world: World, node: Node, topic: string): Promise<void> {
  const patience = { patienceMs: 60_000, deadlineMs: 30_000 };
  await ask(
    world.scheduler,
    node,
    patience,
    (log, call) => log.deleteTopic(topic, call),
    (reply) => {
      world.trace.add({ kind: 'finished', process: node.process.name, detail: `${topic} ${reply.kind}` });
    },
  );
}
