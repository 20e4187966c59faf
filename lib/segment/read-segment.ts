import { batchesIn } from '../record/batches-in.ts';
import type { Bucket } from '../storage/bucket.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { Table } from '../storage/table.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem, segmentSortKey } from './segment-item.ts';

interface Dependencies {
  readonly catalog: Table<string>;
  readonly bucket: Bucket;
}

/**
 * The segment that holds `offset`, which lies below the sealed end. Undefined only if the chain is damaged. A stale item
 * may name an object that has been replaced: `consistent` asks for the newest at once.
 */
async function findSegment(
  catalog: Table<string>,
  { pk, offset, consistent: forSure }: { pk: string; offset: number; consistent: boolean },
  call: Call,
): Promise<Segment | undefined> {
  for (const consistent of forSure ? [true] : [false, true]) {
    const page = await catalog.query(
      pk,
      { from: SEGMENT_PREFIX, to: segmentSortKey(offset), reverse: true, limit: 1, consistent },
      call,
    );
    const segment = page.items[0] === undefined ? undefined : segmentFromItem(page.items[0]);
    if (segment !== undefined && offset < segment.endOffset) return segment;
  }
  return undefined;
}

/**
 * Whole batches from the one that holds `offset` on, up to about `bytesMax` and at least one if the segment has any left:
 * one catalog query and one ranged read. Throws `StorageFault` (`damaged` with the object's name).
 */
export async function readSegmentAt(
  deps: Dependencies,
  request: {
    readonly pk: string;
    readonly offset: number;
    readonly bytesMax: number;
    readonly consistent: boolean;
  },
  call: Call,
): Promise<{ readonly batches: readonly Uint8Array[]; readonly nextOffset: number }> {
  const { pk, offset, bytesMax } = request;
  const segment = await findSegment(deps.catalog, request, call);
  if (segment === undefined) {
    throw new StorageFault(
      'damaged',
      `Partition ${pk}: no segment holds offset ${offset}, below the sealed end`,
    );
  }
  if (segment.objectKey === undefined) return { batches: [], nextOffset: segment.endOffset };
  const { start, end } = rangeOf(segment, offset, bytesMax);
  const bytes = await readRange(deps.bucket, segment, { start, length: end - start }, call);
  const batches: Uint8Array[] = [];
  let nextOffset = offset;
  let total = 0;
  for (const batch of batchesIn(bytes)) {
    const endOffset = batch.header.baseOffset + batch.header.lastOffsetDelta + 1;
    if (endOffset <= offset) continue;
    if (batches.length > 0 && total + batch.bytes.length > bytesMax) return { batches, nextOffset };
    batches.push(batch.bytes);
    total += batch.bytes.length;
    nextOffset = endOffset;
  }
  // Compaction leaves holes between batches, and none may be left behind the offset asked.
  return { batches, nextOffset: end === segment.bytes ? segment.endOffset : nextOffset };
}

/** From the last index entry at or below the offset to the first one that fills the answer: whole batches both ends. */
function rangeOf(segment: Segment, offset: number, bytesMax: number): { start: number; end: number } {
  const from = segment.index.findLastIndex((entry) => entry.offset <= offset);
  const start = segment.index[from]?.position ?? 0;
  const behind = segment.index.slice(from + 1);
  const next = behind[0]?.position ?? segment.bytes;
  const filled = behind.find((entry) => entry.position >= next + bytesMax)?.position ?? segment.bytes;
  return { start, end: filled };
}

export async function readRange(
  bucket: Bucket,
  segment: Segment,
  range: { readonly start: number; readonly length: number },
  call: Call,
): Promise<Uint8Array> {
  if (segment.objectKey === undefined) return new Uint8Array(0);
  const bytes = await bucket.get(segment.objectKey, range, call);
  if (bytes === undefined) throw new StorageFault('damaged', `Object ${segment.objectKey} is missing`);
  if (bytes.length !== range.length) {
    throw new StorageFault('damaged', `Object ${segment.objectKey} is shorter than its item says`);
  }
  return bytes;
}
