import { engineParts } from '../../lib/open-log.ts';
import type { EngineParts } from '../../lib/partition/partitions.ts';
import { pushExpiry } from '../../lib/segment/push-expiry.ts';
import { retainOnce, retentionSettings } from '../../lib/segment/retention.ts';
import { sealOnce } from '../../lib/segment/seal.ts';
import { sweepOnce } from '../../lib/segment/sweep.ts';
import type { Call } from '../../lib/storage/call.ts';
import { StorageFault } from '../../lib/storage/fault.ts';
import { configNumber } from '../../lib/topic/configs.ts';
import { livePlaces, type Place } from './places.ts';
import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

type PartitionJob = 'seal' | 'pushExpiry' | 'retain';
type StorageJob = 'sweep';
export type JobName = PartitionJob | StorageJob;

interface Work {
  readonly random: SeededRandom;
  readonly parts: EngineParts;
  readonly call: Call;
}

/** What keeps a log within its policy: the engine's own entry points, for one partition. */
const PARTITION_JOBS: Readonly<Record<PartitionJob, (place: Place, work: Work) => Promise<unknown>>> = {
  seal: ({ pk, configs }, { parts, random, call }) => {
    const segmentBytes = random.pick([14, 500, 1_000_000]);
    const hotRetentionMs = configNumber(configs, 'hot.retention.ms');
    return sealOnce(parts, pk, { segmentBytes, segmentMs: 0, hotRetentionMs }, call);
  },
  pushExpiry: ({ pk, configs }, { parts, call }) =>
    pushExpiry(parts, { pk, hotRetentionMs: configNumber(configs, 'hot.retention.ms') }, call),
  retain: ({ pk, configs }, { parts, call }) => retainOnce(parts, pk, retentionSettings(configs), call),
};

/** And for everything that is stored. */
const STORAGE_JOBS: Readonly<Record<StorageJob, (work: Work) => Promise<unknown>>> = {
  sweep: ({ parts, random, call }) => sweepOnce(parts, { lotObjectsMax: random.pick([1, 3, 100_000]) }, call),
};

/** One job, for one partition if it is one of those. */
export interface Task {
  readonly job: JobName;
  readonly pk: string | undefined;
  readonly run: (work: Work) => Promise<unknown>;
}

/** What a schedule would ask for now. */
export function tasksOf(world: World, job: JobName): Task[] {
  if (!isPartitionJob(job)) return [{ job, pk: undefined, run: STORAGE_JOBS[job] }];
  return livePlaces(world.storage).map((place) => ({
    job,
    pk: place.pk,
    run: (work) => PARTITION_JOBS[job](place, work),
  }));
}

function isPartitionJob(job: JobName): job is PartitionJob {
  return Object.hasOwn(PARTITION_JOBS, job);
}

/** Anything but a storage that cannot be reached is a surprise. */
export async function runTask(world: World, random: SeededRandom, task: Task, node: Node): Promise<void> {
  const { job, pk } = task;
  const process = node.process.name;
  const what = `${job} ${pk ?? ''}`;
  world.trace.add({ kind: 'job', process, detail: what });
  await ask(
    world.scheduler,
    node,
    { patienceMs: 60_000, deadlineMs: 30_000 },
    // A schedule starts jobs and does not wait: nobody hangs up, however long one slept.
    (_, { meter, deadlineMs }) =>
      task.run({ random, parts: engineParts(node.options), call: { meter, deadlineMs } }),
    (reply) => {
      const detail = (): string => `${what} ${reply.kind === 'answer' ? text(reply.value) : reply.kind}`;
      world.trace.add({ kind: 'did', process, detail });
      if (reply.kind !== 'error') return;
      const { error } = reply;
      const isStruck = world.history.disasters.some((disaster) => disaster.pk === pk);
      if (!(error instanceof StorageFault) || (error.kind === 'damaged' && !isStruck))
        noteSurprise(world, process, what, error);
    },
  );
}

function text(outcome: unknown): string {
  return JSON.stringify(outcome, (name, value) => (name === 'index' ? undefined : value)) ?? '';
}
