import { LIMITS } from '../../limits.ts';
import type { Clock } from '../../storage/clock.ts';
import { type Observation, observationAgeMs } from '../../storage/observation.ts';
import type { Segment } from '../segment-item.ts';

/** The segment items this process has seen lately. */
export interface SegmentCache {
  /** The one that holds `offset`, unless it is too old to be served from. */
  find(pk: string, offset: number): Segment | undefined;
  add(pk: string, segment: Segment, observation: Observation): void;
  /** Something that an item of this partition says was not so. */
  forget(pk: string): void;
}

interface Seen {
  readonly segment: Segment;
  readonly observation: Observation;
}

/**
 * Bounded by `LIMITS.segmentCacheItemsMax`: partitions that were read longest ago are forgotten first. ⚑ Items are served
 * for a minute, like everything else that is cached: by then a compaction that replaced one is seen, long before the
 * tombstones that it left elsewhere may go.
 */
export function segmentCache(clock: Clock): SegmentCache {
  const byPartition = new Map<string, Seen[]>();
  let count = 0;

  const forget = (pk: string): void => {
    count -= byPartition.get(pk)?.length ?? 0;
    byPartition.delete(pk);
  };
  const isFresh = ({ observation }: Seen): boolean =>
    observationAgeMs(observation, { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }) <=
    LIMITS.topicCacheMsMax;

  return {
    find(pk, offset) {
      const seen = byPartition.get(pk);
      if (seen === undefined) return undefined;
      byPartition.delete(pk);
      byPartition.set(pk, seen);
      const found = seen.findLast(({ segment }) => segment.baseOffset <= offset);
      return found !== undefined && offset < found.segment.endOffset && isFresh(found)
        ? found.segment
        : undefined;
    },
    add(pk, segment, observation) {
      const others = (byPartition.get(pk) ?? []).filter(
        (other) => isFresh(other) && !overlaps(other.segment, segment),
      );
      forget(pk);
      const seen = [...others.slice(-LIMITS.segmentCacheItemsPerPartitionMax + 1), { segment, observation }];
      byPartition.set(
        pk,
        seen.sort((a, b) => a.segment.baseOffset - b.segment.baseOffset),
      );
      count += seen.length;
      for (const oldest of byPartition.keys()) {
        if (count <= LIMITS.segmentCacheItemsMax || oldest === pk) break;
        forget(oldest);
      }
    },
    forget,
  };
}

function overlaps(a: Segment, b: Segment): boolean {
  return a.baseOffset < b.endOffset && b.baseOffset < a.endOffset;
}
