import { configNumber, configValue, type TopicConfigs } from '../../topic/configs.ts';
import type { Segment } from '../segment-item.ts';

export interface CompactSettings {
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly deleteRetentionMs: number;
  /** Memory for the offset map. @default MAP_BYTES_DEFAULT */
  readonly mapBytes?: number;
}

/** Undefined for a topic that is not compacted. `compact,delete` is compacted as well. */
export function compactSettings(configs: TopicConfigs): CompactSettings | undefined {
  if (!configValue(configs, 'cleanup.policy').includes('compact')) return undefined;
  return {
    minCleanableDirtyRatio: configNumber(configs, 'min.cleanable.dirty.ratio'),
    minCompactionLagMs: configNumber(configs, 'min.compaction.lag.ms'),
    maxCompactionLagMs: configNumber(configs, 'max.compaction.lag.ms'),
    deleteRetentionMs: configNumber(configs, 'delete.retention.ms'),
  };
}

/** A segment without its index: a plan looks at all of them. */
export type SegmentExtent = Pick<
  Segment,
  'baseOffset' | 'endOffset' | 'bytes' | 'firstTimestampMs' | 'maxTimestampMs'
>;

export interface CompactionPlan {
  readonly isDue: boolean;
  /** The dirty stretch `[from, limit)`; empty if nothing may be compacted. */
  readonly from: number;
  readonly limit: number;
  /** Dirty bytes of all that may be compacted; 0 if there are none. */
  readonly dirtyRatio: number;
}

/**
 * What may be compacted, and whether it is worth it, by Kafka's rules (its documentation of the four configs, and
 * KIP-354 for the last one):
 * - only sealed segments; from the first one on whose largest timestamp is younger than `min.compaction.lag.ms`, none;
 * - due if dirty bytes make up more than `min.cleanable.dirty.ratio` of the compactable bytes,
 * - or if the oldest dirty timestamp is older than `max.compaction.lag.ms` (at least `min.compaction.lag.ms`).
 *
 * `segments` in offset order.
 */
export function planCompaction(
  log: { readonly segments: readonly SegmentExtent[]; readonly logStart: number; readonly cleanTo: number },
  settings: CompactSettings,
  nowMs: number,
): CompactionPlan {
  const from = Math.max(log.cleanTo, log.logStart);
  const live = withoutCovered(log.segments).filter((segment) => segment.endOffset > log.logStart);
  const dirty = live.filter((segment) => segment.endOffset > from);
  const tooYoung = dirty.find((segment) => isTooYoung(segment, settings, nowMs));
  const limit = tooYoung?.baseOffset ?? dirty.at(-1)?.endOffset ?? from;
  if (limit <= from) return { isDue: false, from, limit: from, dirtyRatio: 0 };

  const compactable = live.filter((segment) => segment.baseOffset < limit);
  const totalBytes = sum(compactable.map(({ bytes }) => bytes));
  const dirtyBytes = sum(compactable.map((segment) => bytesFrom(segment, from)));
  const dirtyRatio = totalBytes === 0 ? 0 : dirtyBytes / totalBytes;
  const lagMs = Math.max(settings.maxCompactionLagMs, settings.minCompactionLagMs);
  const isOverdue = compactable.some(
    ({ endOffset, firstTimestampMs }) =>
      endOffset > from && firstTimestampMs > 0 && firstTimestampMs < nowMs - lagMs,
  );
  const isDue = dirtyBytes > 0 && (isOverdue || dirtyRatio > settings.minCleanableDirtyRatio);
  return { isDue, from, limit, dirtyRatio };
}

/** While neighbours are being merged, an item may be covered by the one before it. */
function withoutCovered(segments: readonly SegmentExtent[]): readonly SegmentExtent[] {
  let end = 0;
  return segments.filter((segment) => {
    const isCovered = segment.endOffset <= end;
    end = Math.max(end, segment.endOffset);
    return !isCovered;
  });
}

function isTooYoung(segment: SegmentExtent, settings: CompactSettings, nowMs: number): boolean {
  const { minCompactionLagMs } = settings;
  return minCompactionLagMs > 0 && segment.maxTimestampMs > nowMs - minCompactionLagMs;
}

/** Bytes at and above an offset, by the share of offsets where it lies inside: a map may have ended there. */
function bytesFrom(segment: SegmentExtent, from: number): number {
  const { baseOffset, endOffset, bytes } = segment;
  if (from <= baseOffset) return bytes;
  return from >= endOffset ? 0 : (bytes * (endOffset - from)) / (endOffset - baseOffset);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
