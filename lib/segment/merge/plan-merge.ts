import { LIMITS } from '../../limits.ts';
import { coverFilter } from '../cover-filter.ts';
import { type ForeignStretch, isTooMany, joinedStretches } from '../foreign-stretches.ts';
import type { Segment } from '../segment-item.ts';

export interface MergeSettings {
  /** No merged segment is larger. */
  readonly segmentBytes: number;
  /** Nor does it span more time: retention drops segments whole, so a long one would be kept too long. */
  readonly spanMsMax: number;
}

/** A segment that has an object. */
export type StoredSegment = Segment & { readonly objectKey: string };

export type MergePlan =
  /** `covered` are the items that `by` covers, ascending: they go first, before anything else is merged. */
  | { readonly kind: 'clear'; readonly by: StoredSegment; readonly covered: readonly Segment[] }
  /** Neighbours, ascending, that are to become one. */
  | { readonly kind: 'merge'; readonly segments: readonly StoredSegment[] }
  | { readonly kind: 'nothing' };

/** Fewer are not worth an object. */
const SEGMENTS_MIN = 4;

/**
 * What is to be merged among the segment items at the end of a chain, ascending. ⚑ Never the last one: the chain ends
 * where it does. Every merge at least doubles the segment that each of its bytes lies in, so a byte is written again a
 * few times at most, however small the segments were that it came in.
 */
export function planMerge(items: readonly Segment[], logStart: number, settings: MergeSettings): MergePlan {
  const isInChain = coverFilter();
  const chain: Segment[] = [];
  const covered: Segment[] = [];
  for (const item of items) {
    const by = chain.at(-1);
    if (isInChain(item)) {
      if (covered.length > 0) break;
      chain.push(item);
    } else if (by !== undefined && isStored(by) && item !== items.at(-1)) covered.push(item);
  }
  const last = chain.at(-1);
  if (covered.length > 0 && last !== undefined && isStored(last)) return { kind: 'clear', by: last, covered };

  const candidates = chain.filter((segment) => segment !== items.at(-1) && segment.endOffset > logStart);
  for (let first = 0; first < candidates.length; first += 1) {
    const segments = runFrom(candidates.slice(first), settings);
    if (isWorthIt(segments)) return { kind: 'merge', segments };
  }
  return { kind: 'nothing' };
}

/** As many neighbours as may become one. */
function runFrom(candidates: readonly Segment[], settings: MergeSettings): StoredSegment[] {
  const bytesMax = Math.min(settings.segmentBytes, LIMITS.segmentBytesDefault);
  const run: StoredSegment[] = [];
  let bytes = 0;
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  let foreign: readonly ForeignStretch[] = [];
  for (const segment of candidates) {
    bytes += segment.bytes;
    firstMs = Math.min(firstMs, segment.firstTimestampMs);
    lastMs = Math.max(lastMs, segment.maxTimestampMs);
    const follows = run.length === 0 || segment.baseOffset === run.at(-1)?.endOffset;
    if (!isStored(segment) || !follows) break;
    foreign = joinedStretches(foreign, segment.foreign ?? []);
    if (isTooMany(foreign)) break;
    if (bytes > bytesMax || lastMs - firstMs > settings.spanMsMax) break;
    run.push(segment);
  }
  return run;
}

function isWorthIt(segments: readonly StoredSegment[]): boolean {
  const bytes = segments.reduce((total, segment) => total + segment.bytes, 0);
  const largest = Math.max(...segments.map((segment) => segment.bytes));
  return segments.length >= SEGMENTS_MIN && largest <= bytes / 2;
}

function isStored(segment: Segment): segment is StoredSegment {
  return segment.objectKey !== undefined;
}
