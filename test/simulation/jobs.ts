import type { EngineParts } from '../../lib/engine-parts.ts';
import { expireGroups } from '../../lib/group/ending/expire-groups.ts';
import { engineParts } from '../../lib/open-log.ts';
import { MAP_BYTES_DEFAULT } from '../../lib/segment/compact/offset-map.ts';
import { compactOnce } from '../../lib/segment/compact/pass.ts';
import { compactSettings } from '../../lib/segment/compact/plan.ts';
import { mergeOnce } from '../../lib/segment/merge/merge.ts';
import { retainOnce, retentionSettings } from '../../lib/segment/retain/retention.ts';
import { pushExpiry } from '../../lib/segment/seal/push-expiry.ts';
import { sealOnce } from '../../lib/segment/seal/seal.ts';
import { removeDeletedTopics } from '../../lib/segment/sweep/delete-topic.ts';
import { sweepOnce } from '../../lib/segment/sweep/sweep.ts';
import type { Call } from '../../lib/storage/call.ts';
import { StorageFault } from '../../lib/storage/fault.ts';
import { configNumber, isCompacted } from '../../lib/topic/configs.ts';
import { livePartitions, livePlaces, objectsReferredTo, type Place } from './places.ts';
import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

type PartitionJob = 'seal' | 'pushExpiry' | 'retain' | 'compact' | 'merge' | 'staleMerge';
type StorageJob = 'sweep' | 'removeDeleted' | 'expireGroups';
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
  compact: async ({ pk, configs }, { parts, random, call }) => {
    const settings = compactSettings(configs);
    if (settings === undefined) return 'not compacted';
    // Small ones are full long before the log ends.
    const mapBytes = random.pick([100, 300, MAP_BYTES_DEFAULT]);
    return compactOnce(parts, pk, { ...settings, mapBytes }, call);
  },
  merge: async ({ pk, configs }, { parts, random, call }) => {
    const spanMsMax = random.pick([60_000, Number.POSITIVE_INFINITY]);
    // Where compaction rewrites segments, a merge only clears away what an earlier one covers.
    const segmentBytes = isCompacted(configs) ? 0 : random.pick([1_000, 1_000_000]);
    return mergeOnce(parts, pk, { segmentBytes, spanMsMax }, call);
  },
  // Begun by somebody who does not know yet that the topic is compacted.
  staleMerge: ({ pk }, { parts, call }) =>
    mergeOnce(parts, pk, { segmentBytes: 1_000_000, spanMsMax: Number.POSITIVE_INFINITY }, call),
  retain: ({ pk, configs }, { parts, call }) => retainOnce(parts, pk, retentionSettings(configs), call),
};

/** And for everything that is stored. */
const STORAGE_JOBS: Readonly<Record<StorageJob, (work: Work) => Promise<unknown>>> = {
  removeDeleted: ({ parts, random, call }) =>
    removeDeletedTopics(parts, { leavesToExpiry: random.chance(0.5) }, call),
  expireGroups: ({ parts, call }) => expireGroups(parts, call),
  sweep: ({ parts, random, call }) => sweepOnce(parts, { lotObjectsMax: random.pick([1, 3, 100_000]) }, call),
};

/** One job, for one partition if it is one of those. */
export interface Task {
  readonly job: JobName;
  readonly pk: string | undefined;
  readonly run: (work: Work) => Promise<unknown>;
}

/** What a schedule would ask for now. */
export function tasksOf(world: Pick<World, 'storage'>, job: JobName): Task[] {
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
export async function runTask(
  world: World,
  random: SeededRandom,
  task: Task,
  { node, deadlineMs }: { readonly node: Node; readonly deadlineMs: number },
): Promise<void> {
  const { job, pk } = task;
  const process = node.process.name;
  const what = `${job} ${pk ?? ''}`;
  world.trace.add({ kind: 'job', process, detail: what });
  await ask(
    world.scheduler,
    node,
    { patienceMs: 60_000, deadlineMs },
    // A schedule starts jobs and does not wait: nobody hangs up, however long one slept.
    (_, { signal: __, ...call }) => task.run({ random, parts: engineParts(node.options), call }),
    (reply) => {
      const detail = (): string => `${what} ${reply.kind === 'answer' ? text(reply.value) : reply.kind}`;
      world.trace.add({ kind: 'did', process, detail });
      if (reply.kind !== 'error') return;
      const { error } = reply;
      if (!(error instanceof StorageFault) || (error.kind === 'damaged' && !isExcused(world, task, error))) {
        noteSurprise(world, process, what, error);
      }
    },
  );
}

/**
 * Where a chunk was lost, where the topic is gone, and where a job has slept for so long that the object it is missing
 * is nobody's any more, a complaint about damage does no harm.
 */
function isExcused({ history, storage }: World, { pk }: Task, { message }: StorageFault): boolean {
  if (pk === undefined) return false;
  if (history.disasters.some((disaster) => disaster.pk === pk)) return true;
  if (!livePartitions(storage).includes(pk)) return true;
  const [, objectKey] = /^Object (\S+) is missing/.exec(message) ?? [];
  return objectKey !== undefined && !objectsReferredTo(storage, pk).includes(objectKey);
}

function text(outcome: unknown): string {
  return JSON.stringify(outcome, (name, value) => (name === 'index' ? undefined : value)) ?? '';
}
