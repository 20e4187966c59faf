import { LIMITS } from '../limits.ts';
import { configNumber, type TopicConfigs } from '../topic/configs.ts';
import type { PartitionLook } from './partition-look.ts';
import type { TaskJob } from './tasks.ts';

/** A job that looks worth a worker's while. */
export interface DueJob {
  readonly job: TaskJob;
  /** Changes when the job has got anywhere: until then it is asked for ever less often. */
  readonly progress: string;
}

/** A sealer holds a segment in memory and makes none that is larger, whatever `segment.bytes` says. */
const SEAL_BYTES_MAX = LIMITS.segmentBytesDefault;

/** What a look at a partition says is due. Pure; the worker looks again, consistently, before it does anything. */
export function dueJobs(look: PartitionLook, configs: TopicConfigs, nowMs: number): DueJob[] {
  const jobs: DueJob[] = [];
  if (isSealDue(look, configs, nowMs)) jobs.push({ job: 'seal', progress: String(look.sealedEnd) });
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

/** An item's expiry tells when it was written: that far ahead. */
function unsealedAgeMs({ unsealed }: PartitionLook, configs: TopicConfigs, nowMs: number): number {
  if (unsealed === undefined) return 0;
  const { expiresAtSeconds = 0 } = unsealed.oldest;
  return nowMs - (expiresAtSeconds * 1_000 - configNumber(configs, 'hot.retention.ms'));
}
