import type { EngineParts } from '../../engine-parts.ts';
import { partitionKey } from '../../partition/chunk.ts';
import type { Call } from '../../storage/call.ts';
import { configNumber, isCompacted } from '../../topic/configs.ts';
import { TOPICS_KEY, type Topic, topicFromItem } from '../../topic/topic-item.ts';
import { compactOnce } from '../compact/pass.ts';
import { compactSettings } from '../compact/plan.ts';
import { mergeOnce } from '../merge/merge.ts';
import { retainOnce, retentionSettings } from '../retain/retention.ts';
import { pushExpiry } from '../seal/push-expiry.ts';
import { sealOnce } from '../seal/seal.ts';
import type { Task, TaskJob } from './tasks.ts';

export type TaskOutcome =
  /** What it did, in numbers; all 0 if nothing was due. */
  | { readonly kind: 'done'; readonly counts: Readonly<Record<string, number>> }
  /** Time ran out at a place where nothing is lost: send it on. */
  | { readonly kind: 'unfinished'; readonly counts: Readonly<Record<string, number>> }
  /** The topic was deleted, or has no such partition. */
  | { readonly kind: 'gone' };

/** How long a task may take. */
export interface TaskTime {
  /** No step begins after it; on `Clock.monotonicMs`, and well before `call.deadlineMs`. */
  readonly lastStepMs: number;
  readonly call: Call;
}

interface Work extends TaskTime {
  readonly pk: string;
  readonly topic: Topic;
}

/** Retention drops segments whole: a merged one may be kept longer than it should by this part of the time. */
const MERGED_SPANS = 8;

const RUNNERS: Readonly<Record<TaskJob, (parts: EngineParts, work: Work) => Promise<TaskOutcome>>> = {
  seal,
  'push-expiry': push,
  retain,
  compact,
};

/** Runs one task. Throws `StorageFault`: nothing is half done, and the same task may be run again. */
export async function runTask(parts: EngineParts, task: Task, time: TaskTime): Promise<TaskOutcome> {
  const key = { pk: TOPICS_KEY, sk: task.topic };
  const { item } = await parts.catalog.get(key, { consistent: true }, time.call);
  const topic = item === undefined ? undefined : topicFromItem(item);
  const isThere = topic?.topicId === task.topicId && topic.state !== 'deleted';
  if (!isThere || task.partition >= topic.partitionCount) return { kind: 'gone' };
  return RUNNERS[task.job](parts, { ...time, topic, pk: partitionKey(topic.topicId, task.partition) });
}

async function seal(parts: EngineParts, { pk, topic, lastStepMs, call }: Work): Promise<TaskOutcome> {
  const settings = {
    segmentBytes: configNumber(topic.configs, 'segment.bytes'),
    segmentMs: configNumber(topic.configs, 'segment.ms'),
    hotRetentionMs: configNumber(topic.configs, 'hot.retention.ms'),
  };
  let sealedCount = 0;
  let sealedBytes = 0;
  while (parts.clock.monotonicMs() < lastStepMs) {
    const outcome = await sealOnce(parts, pk, settings, call);
    if (outcome.kind !== 'sealed') {
      const merged = sealedCount === 0 ? {} : await mergeSmall(parts, pk, topic, call);
      return { kind: 'done', counts: { sealedCount, sealedBytes, ...merged } };
    }
    sealedCount += 1;
    sealedBytes += outcome.segment.bytes;
  }
  return { kind: 'unfinished', counts: { sealedCount, sealedBytes } };
}

/** Where segments come, small ones may pile up; the segments of compacted topics are the compaction's. */
async function mergeSmall(
  parts: EngineParts,
  pk: string,
  { configs }: Topic,
  call: Call,
): Promise<Readonly<Record<string, number>>> {
  const retentionMs = configNumber(configs, 'retention.ms');
  const settings = {
    segmentBytes: isCompacted(configs) ? 0 : configNumber(configs, 'segment.bytes'),
    spanMsMax: retentionMs < 0 ? Number.POSITIVE_INFINITY : retentionMs / MERGED_SPANS,
  };
  const outcome = await mergeOnce(parts, pk, settings, call);
  return outcome.kind === 'merged' ? { mergedCount: outcome.mergedCount } : {};
}

async function push(parts: EngineParts, { pk, topic, lastStepMs, call }: Work): Promise<TaskOutcome> {
  const hotRetentionMs = configNumber(topic.configs, 'hot.retention.ms');
  const partition = { pk, hotRetentionMs };
  const report = await pushExpiry(parts, partition, { ...call, deadlineMs: lastStepMs });
  const counts = { pushedCount: report.pushedCount, gapCount: report.incident === undefined ? 0 : 1 };
  return { kind: report.isComplete ? 'done' : 'unfinished', counts };
}

async function retain(parts: EngineParts, { pk, topic, lastStepMs, call }: Work): Promise<TaskOutcome> {
  const time = { ...call, deadlineMs: lastStepMs };
  const report = await retainOnce(parts, pk, retentionSettings(topic.configs), time);
  const { logStart, logStartBefore, droppedCount, droppedBytes } = report;
  const counts = { deletedOffsets: logStart - logStartBefore, droppedCount, droppedBytes };
  return { kind: 'done', counts };
}

async function compact(parts: EngineParts, { pk, topic, lastStepMs, call }: Work): Promise<TaskOutcome> {
  const settings = compactSettings(topic.configs);
  const counts = { compactedSegments: 0, rewrittenCount: 0, bytesBefore: 0, bytesAfter: 0 };
  while (settings !== undefined) {
    if (parts.clock.monotonicMs() >= lastStepMs) return { kind: 'unfinished', counts };
    const outcome = await compactOnce(parts, pk, settings, call);
    if (outcome.kind === 'notDue' || outcome.kind === 'lost') break;
    counts.compactedSegments += outcome.work.segmentCount;
    counts.rewrittenCount += outcome.work.rewrittenCount;
    counts.bytesBefore += outcome.work.bytesBefore;
    counts.bytesAfter += outcome.work.bytesAfter;
    if (outcome.kind === 'unfinished') return { kind: 'unfinished', counts };
    if (!outcome.more) break;
  }
  return { kind: 'done', counts };
}
