import type { EngineParts } from './engine-parts.ts';
import { expireGroups } from './group/ending/expire-groups.ts';
import type { Job, JobCounts, JobFinding, JobReport, Maintenance } from './jobs.ts';
import { partitionKey } from './partition/chunk.ts';
import { storageError } from './partition/faults.ts';
import { readIncident } from './segment/incident.ts';
import { removeDeletedTopics } from './segment/sweep/delete-topic.ts';
import { sweepOnce } from './segment/sweep/sweep.ts';
import { runTask } from './segment/tasks/run-task.ts';
import type { TaskJob } from './segment/tasks/tasks.ts';
import { verifyTopic } from './segment/verify/verify.ts';
import type { Call } from './storage/call.ts';
import { StorageFault } from './storage/fault.ts';
import { TopicCatalog } from './topic/topic-catalog.ts';
import type { Topic } from './topic/topic-item.ts';

export interface MaintenanceOptions {
  /** Whether storage deletes expired items by itself, as DynamoDB does. @default false */
  readonly leavesToExpiry?: boolean;
}

const PARTITIONS_AT_ONCE = 4;
/** No step of a job begins after this part of the time: a half step is lost work. */
const STEPS_SHARE = 0.6;
/** Of a sweep: what is left is for the bucket. */
const GROUPS_SHARE = 0.5;
/** For jobs that watch the time themselves; the rest is for the answer. */
const WORK_SHARE = 0.9;

export function openMaintenance(parts: EngineParts, options: MaintenanceOptions = {}): Maintenance {
  const topics = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  return {
    run: async (job, name, call) => {
      try {
        return await runJob(parts, { job, topic: await topics.describe(name, call), options }, call);
      } catch (fault) {
        throw fault instanceof StorageFault ? storageError(fault) : fault;
      }
    },
  };
}

interface Order {
  readonly job: Job;
  readonly topic: Topic;
  readonly options: MaintenanceOptions;
}

async function runJob(parts: EngineParts, { job, topic, options }: Order, call: Call): Promise<JobReport> {
  const working = { ...call, deadlineMs: partOfTime(parts, call, WORK_SHARE) };
  switch (job) {
    case 'sweep':
      return { job, topic: topic.name, partitions: [], ...(await sweepLog(parts, options, working)) };
    case 'verify':
      return verify(parts, topic, working);
    default:
      return runTasks(parts, { job, topic }, call);
  }
}

function partOfTime({ clock }: EngineParts, { deadlineMs }: Call, share: number): number {
  const nowMs = clock.monotonicMs();
  return nowMs + Math.max(0, deadlineMs - nowMs) * share;
}

/** Partition by partition, some at once; one's damage does not keep the others from theirs. */
async function runTasks(
  parts: EngineParts,
  { job, topic }: { readonly job: TaskJob; readonly topic: Topic },
  call: Call,
): Promise<JobReport> {
  const { name, partitionCount } = topic;
  const lastStepMs = partOfTime(parts, call, STEPS_SHARE);
  const outcomes: PartitionOutcome[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < partitionCount && parts.clock.monotonicMs() < lastStepMs) {
      const partition = next;
      next += 1;
      outcomes.push(await runPartition(parts, { job, topic, partition, lastStepMs }, call));
    }
  };
  await Promise.all(Array.from({ length: PARTITIONS_AT_ONCE }, worker));
  outcomes.sort((a, b) => a.partition - b.partition);
  const partitions = outcomes.flatMap(({ partition, counts }) => (counts ? [{ partition, counts }] : []));
  return {
    job,
    topic: name,
    counts: sumOf(partitions.map(({ counts }) => counts)),
    partitions,
    findings: outcomes.flatMap(({ finding }) => (finding ? [finding] : [])),
    isComplete: outcomes.length === partitionCount && outcomes.every(({ isComplete }) => isComplete),
  };
}

interface PartitionOutcome {
  readonly partition: number;
  readonly counts?: JobCounts;
  readonly finding?: JobFinding;
  readonly isComplete: boolean;
}

async function runPartition(
  parts: EngineParts,
  order: {
    readonly job: TaskJob;
    readonly topic: Topic;
    readonly partition: number;
    readonly lastStepMs: number;
  },
  call: Call,
): Promise<PartitionOutcome> {
  const { job, topic, partition, lastStepMs } = order;
  try {
    const task = { job, topicId: topic.topicId, topic: topic.name, partition, continued: 0 };
    const outcome = await runTask(parts, task, { lastStepMs, call });
    if (outcome.kind === 'gone') return { partition, isComplete: true };
    const incident = outcome.counts.gapCount ? await incidentOf(parts, topic, partition, call) : undefined;
    const isComplete = outcome.kind === 'done';
    return { partition, counts: outcome.counts, ...(incident ? { finding: incident } : {}), isComplete };
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    return { partition, finding: { name: 'failed', message: fault.message, partition }, isComplete: true };
  }
}

async function incidentOf(
  { catalog }: EngineParts,
  { topicId }: Topic,
  partition: number,
  call: Call,
): Promise<JobFinding | undefined> {
  const incident = await readIncident(catalog, partitionKey(topicId, partition), call);
  if (incident === undefined) return undefined;
  const { offset, nextOffset } = incident;
  const message = `The hot chain misses the offsets from ${offset} to ${nextOffset}`;
  return { name: 'incident', message, partition, offset };
}

/**
 * The sweep of the whole log. What deleted topics have left goes first; its spilled objects are then swept too, and the
 * positions that groups have committed in them.
 */
export async function sweepLog(
  parts: EngineParts,
  options: MaintenanceOptions,
  call: Call,
): Promise<Pick<JobReport, 'counts' | 'findings' | 'isComplete'>> {
  const { leavesToExpiry = false } = options;
  const topics = await removeDeletedTopics(parts, { leavesToExpiry }, call);
  const groups = await expireGroups(parts, { ...call, deadlineMs: partOfTime(parts, call, GROUPS_SHARE) });
  const swept = await sweepOnce(parts, {}, call);
  const counts = {
    removedTopicCount: topics.removedCount,
    removedItemCount: topics.removedItemCount,
    waitingTopicCount: topics.waitingCount,
    expiredGroupCount: groups.expiredCount,
    removedOffsetCount: groups.removedOffsetCount,
    listedCount: swept.listedCount,
    deletedCount: swept.deletedCount + topics.removedObjectCount,
    deletedBytes: swept.deletedBytes,
    youngCount: swept.kept.young,
    referencedCount: swept.kept.referenced,
    unsureCount: swept.kept.unsure,
    foreignCount: swept.foreign.count,
  };
  const foreign = swept.foreign.examples.map((key) => ({ name: 'foreign-object', message: key }));
  const failed = swept.failures.map(({ partition, reason }) => ({
    name: 'failed',
    message: `${partition}: ${reason}`,
  }));
  const unreadable = groups.failures.map(({ groupId, reason }) => ({
    name: 'failed',
    message: `group ${groupId}: ${reason}`,
  }));
  return {
    counts,
    findings: [...failed, ...unreadable, ...foreign],
    isComplete: topics.isComplete && groups.isComplete && swept.isComplete,
  };
}

async function verify(parts: EngineParts, topic: Topic, call: Call): Promise<JobReport> {
  const report = await verifyTopic(parts, topic, call);
  const { segmentCount, chunkCount, batchCount, recordCount, bytes, findingCount } = report;
  return {
    job: 'verify',
    topic: topic.name,
    counts: { segmentCount, chunkCount, batchCount, recordCount, bytes, findingCount },
    partitions: [],
    findings: report.findings.map(({ name, message, partition, offset }) => ({
      name,
      message,
      partition,
      ...(offset === undefined ? {} : { offset }),
    })),
    isComplete: report.isComplete,
  };
}

function sumOf(all: readonly JobCounts[]): JobCounts {
  const sum: Record<string, number> = {};
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
