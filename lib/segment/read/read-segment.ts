import type { Bucket } from '../../storage/bucket.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Segment } from '../segment-item.ts';
import { damagedObject } from './placed-batches.ts';

export interface ObjectRange {
  readonly start: number;
  readonly length: number;
}

/**
 * Where to end a read that begins at `start`, between two batches, and wants `bytesWanted`: at the first index entry so
 * far on, for there a batch begins. Behind `start` in any case, so that the batch at `start` is read whole.
 */
export function indexEnd(segment: Segment, start: number, bytesWanted: number): number {
  const entry = segment.index.find(({ position }) => position > start && position >= start + bytesWanted);
  return entry?.position ?? segment.bytes;
}

/** Part of a segment's object, cut at the object's end. Throws `StorageFault` (`damaged` with the object's name). */
export async function readPart(
  bucket: Bucket,
  segment: Segment,
  range: ObjectRange,
  call: Call,
): Promise<Uint8Array> {
  if (segment.objectKey === undefined) return new Uint8Array(0);
  const bytes = await bucket.get(segment.objectKey, range, call);
  if (bytes === undefined) throw new StorageFault('damaged', `Object ${segment.objectKey} is missing`);
  return bytes;
}

/** As `readPart`, but all of it. */
export async function readRange(
  bucket: Bucket,
  segment: Segment,
  range: ObjectRange,
  call: Call,
): Promise<Uint8Array> {
  const bytes = await readPart(bucket, segment, range, call);
  const isWhole = bytes.length === range.length || segment.objectKey === undefined;
  if (!isWhole) throw damagedObject(segment, range.start + bytes.length, 'it ends here');
  return bytes;
}
