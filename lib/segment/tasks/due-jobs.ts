import { LIMITS } from '../../limits.ts';
import { appendedMs } from '../../partition/chunk.ts';
import { configNumber, type TopicConfigs } from '../../topic/configs.ts';
import { compactSettings } from '../compact/plan.ts';
import { isExpired, type RetentionSettings } from '../retain/plan-retention.ts';
import { retentionSettings } from '../retain/retention.ts';
import type { PartitionLook } from './partition-look.ts';
import type { TaskJob } from './tasks.ts';

/** A job that looks worth a worker's while. */
export interface DueJob {
  readonly job: TaskJob;
  /** Changes when the job has got anywhere: until then it is asked for ever less often, or only once. */
  readonly progress: string;
  /** Nothing but a change makes it due again. */
  readonly isOnce?: true;
}

/** A sealer makes no segment that is larger, whatever `segment.bytes` says. */
const SEAL_BYTES_MAX = LIMITS.segmentBytesDefault;

const COMPACT_LOOK_MS = 86_400_000;

/** What a look at a partition says is due. Pure; the worker looks again, consistently, before it does anything. */
export function dueJobs(look: PartitionLook, configs: TopicConfigs, nowMs: number): DueJob[] {
  const jobs: DueJob[] = [];
  if (isSealDue(look, configs, nowMs)) jobs.push({ job: 'seal', progress: String(look.sealedEnd) });
  if (look.unsealed !== undefined && isPushDue(look.unsealed.oldest, configs, nowMs)) {
    jobs.push({ job: 'push-expiry', progress: look.unsealed.oldest.version });
  }
  const retain = retainDue(look, retentionSettings(configs), nowMs);
  if (retain !== undefined) jobs.push({ job: 'retain', ...retain });
  if (look.sealedEnd > 0 && compactSettings(configs) !== undefined) {
    jobs.push({ job: 'compact', progress: compactProgress(look, nowMs), isOnce: true });
  }
  return jobs;
}

/** The age at which unsealed chunks are sealed whatever their size. */
export function sealAgeMs(configs: TopicConfigs): number {
  return Math.min(configNumber(configs, 'segment.ms'), configNumber(configs, 'hot.retention.ms') / 7);
}

/** How old the oldest unsealed chunk is, in seal ages: 1 is when it should be sealed; 0 if there is none. */
export function unsealedSealAges(look: PartitionLook, configs: TopicConfigs, nowMs: number): number {
  return Math.max(0, unsealedAgeMs(look, configs, nowMs) / sealAgeMs(configs));
}

function isSealDue(look: PartitionLook, configs: TopicConfigs, nowMs: number): boolean {
  if (look.unsealed === undefined) return false;
  const segmentBytes = Math.min(configNumber(configs, 'segment.bytes'), SEAL_BYTES_MAX);
  if (look.unsealed.bytesEstimate >= segmentBytes) return true;
  return unsealedAgeMs(look, configs, nowMs) >= sealAgeMs(configs);
}

function unsealedAgeMs({ unsealed }: PartitionLook, configs: TopicConfigs, nowMs: number): number {
  if (unsealed === undefined) return 0;
  return nowMs - appendedMs(unsealed.oldest, configNumber(configs, 'hot.retention.ms'));
}

/** Past half of its life; the oldest chunk is the first to be. */
function isPushDue(
  { expiresAtSeconds }: { readonly expiresAtSeconds?: number },
  configs: TopicConfigs,
  nowMs: number,
): boolean {
  if (expiresAtSeconds === undefined) return false;
  return expiresAtSeconds * 1_000 - nowMs < configNumber(configs, 'hot.retention.ms') / 2;
}

/**
 * A seal may make a log dirty enough; lags and the end of tombstones are a matter of time, for which a look a day is
 * enough. How dirty it is takes reading every segment's item: the worker does that.
 */
function compactProgress({ sealedEnd }: PartitionLook, nowMs: number): string {
  return `${sealedEnd} ${Math.floor(nowMs / COMPACT_LOOK_MS)}`;
}

function retainDue(
  look: PartitionLook,
  settings: RetentionSettings,
  nowMs: number,
): Omit<DueJob, 'job'> | undefined {
  const { firstSegment: first, logStart, sealedEnd } = look;
  const progress = `${logStart} ${first?.version ?? ''}`;
  const isBelow = first !== undefined && first.endOffset <= logStart;
  // The stub where the chain ends has nothing to give.
  if (isBelow && (first.endOffset < sealedEnd || first.objectKey !== undefined)) return { progress };
  if (!settings.isDeleted) return undefined;
  const timestampMs =
    first === undefined || isBelow ? unsealedTimestampMs(look, settings) : segmentTimestampMs(first);
  if (isExpired({ endOffset: 0, bytes: 0, timestampMs }, settings.retentionMs, nowMs)) return { progress };
  // The size grows with every segment, and only then.
  if (settings.retentionBytes < 0 || first === undefined) return undefined;
  return { progress: `${progress} ${sealedEnd}`, isOnce: true };
}

/** Records without a timestamp are as old as their object, whose date a look does not ask for: the worker does. */
function segmentTimestampMs({ maxTimestampMs }: { readonly maxTimestampMs: number }): number {
  return maxTimestampMs < 0 ? Number.NEGATIVE_INFINITY : maxTimestampMs;
}

/** Where the oldest chunk is deleted already, the one behind it may be as old: the worker sees. */
function unsealedTimestampMs(
  { unsealed, logStart }: PartitionLook,
  { hotRetentionMs }: RetentionSettings,
): number {
  if (unsealed === undefined) return Number.POSITIVE_INFINITY;
  const { oldest } = unsealed;
  if (oldest.endOffset <= logStart) return Number.NEGATIVE_INFINITY;
  return oldest.maxTimestampMs < 0 ? appendedMs(oldest, hotRetentionMs) : oldest.maxTimestampMs;
}
