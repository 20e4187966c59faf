import { LIMITS } from '../limits.ts';
import type { BatchHeader } from '../record/header.ts';
import type { Segment, SegmentIndexEntry } from './segment-item.ts';

/** What a segment's item says of the bytes in its object. */
export type SegmentContent = Omit<Segment, 'version' | 'objectKey'>;

export interface SegmentDescription {
  /** The next batch of the object, in offset order. */
  add(header: BatchHeader): void;
  /** `mayHaveGaps`: whether the source of the batches has holes of its own, as copies do. */
  finish(options?: { readonly mayHaveGaps: boolean }): SegmentContent;
}

/** No index entry is closer to the one before than this, so that small segments have short items. */
const BYTES_PER_ENTRY_MIN = 4_096;

/**
 * Describes an object while it is put together, batch by batch. The index is thinned to `LIMITS.segmentIndexEntriesMax`
 * entries at the end, when it is known how far apart they have to be.
 */
export function describeSegment(baseOffset: number): SegmentDescription {
  const entries: SegmentIndexEntry[] = [];
  let bytes = 0;
  let firstTimestampMs = Number.POSITIVE_INFINITY;
  let maxTimestampMs = -1;
  let endOffset = baseOffset;
  let hasGaps = false;
  return {
    add(header) {
      hasGaps ||= header.baseOffset !== endOffset;
      firstTimestampMs = Math.min(firstTimestampMs, header.baseTimestampMs);
      maxTimestampMs = Math.max(maxTimestampMs, header.maxTimestampMs);
      if (isFarBehind(entries.at(-1), bytes, BYTES_PER_ENTRY_MIN)) {
        entries.push({ offset: header.baseOffset, position: bytes, maxTimestampMs });
      }
      bytes += header.batchBytes;
      endOffset = header.baseOffset + header.lastOffsetDelta + 1;
    },
    finish: ({ mayHaveGaps } = { mayHaveGaps: false }) => ({
      baseOffset,
      endOffset,
      bytes,
      firstTimestampMs: Number.isFinite(firstTimestampMs) ? firstTimestampMs : -1,
      maxTimestampMs,
      index: thinIndex(entries, bytes),
      ...(hasGaps && mayHaveGaps ? { hasGaps } : {}),
    }),
  };
}

/** The first entry and of the others those at least so far apart that few enough are left. */
export function thinIndex(entries: readonly SegmentIndexEntry[], bytes: number): SegmentIndexEntry[] {
  const bytesPerEntry = Math.max(BYTES_PER_ENTRY_MIN, Math.ceil(bytes / LIMITS.segmentIndexEntriesMax));
  const kept: SegmentIndexEntry[] = [];
  for (const entry of entries) {
    if (isFarBehind(kept.at(-1), entry.position, bytesPerEntry)) kept.push(entry);
  }
  return kept;
}

function isFarBehind(last: SegmentIndexEntry | undefined, position: number, bytesMin: number): boolean {
  return last === undefined || position - last.position >= bytesMin;
}
