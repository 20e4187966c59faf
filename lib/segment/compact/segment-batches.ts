import type { EngineParts } from '../../engine-parts.ts';
import { readingStored } from '../../partition/faults.ts';
import { type BatchIn, batchesIn } from '../../record/batches-in.ts';
import { verifyBatchCrc } from '../../record/checksum.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { readRange } from '../read/read-segment.ts';
import type { Segment } from '../segment-item.ts';

/** What is read at once; one batch may pass it. */
const WINDOW_BYTES = 4_194_304;

type Dependencies = Pick<EngineParts, 'bucket' | 'codecs'>;

/**
 * All batches of a segment from the one that holds `from` on, a window of them at a time, the next window being read
 * meanwhile: memory does not depend on the size of the segment. Every checksum is compared, and every batch must lie
 * inside the segment and behind the one before it. Throws `StorageFault` (`damaged` with the object's name).
 */
export async function* segmentBatches(
  deps: Dependencies,
  segment: Segment,
  from: number,
  call: Call,
): AsyncGenerator<readonly BatchIn[]> {
  const { objectKey, bytes } = segment;
  if (objectKey === undefined) return;
  const read = (start: number): Promise<Uint8Array> | undefined => {
    if (start >= bytes) return undefined;
    const reading = readRange(
      deps.bucket,
      segment,
      { start, length: windowEnd(segment, start) - start },
      call,
    );
    // Whoever stops early does not wait for it; the one who does is told.
    reading.catch(() => undefined);
    return reading;
  };
  let start = segment.index.findLast((entry) => entry.offset <= from)?.position ?? 0;
  let end = segment.baseOffset;
  let next = read(start);
  while (next !== undefined) {
    const window = await next;
    start += window.length;
    next = read(start);
    const batches = await readingStored(`Object ${objectKey}`, async () => [...batchesIn(window)]);
    end = await readingStored(`Object ${objectKey}`, async () => check(deps, segment, batches, end));
    yield batches;
  }
}

/** Index entries are where batches begin. */
function windowEnd(segment: Segment, start: number): number {
  const entry = segment.index.findLast(
    ({ position }) => position > start && position <= start + WINDOW_BYTES,
  );
  const beyond = segment.index.find(({ position }) => position > start + WINDOW_BYTES);
  if (beyond === undefined && segment.bytes - start <= WINDOW_BYTES) return segment.bytes;
  return entry?.position ?? beyond?.position ?? segment.bytes;
}

/** The offset behind the last batch. */
function check(deps: Dependencies, segment: Segment, batches: readonly BatchIn[], from: number): number {
  let end = from;
  for (const { header, bytes } of batches) {
    const endOffset = header.baseOffset + header.lastOffsetDelta + 1;
    if (header.baseOffset < end || endOffset > segment.endOffset) {
      throw new StorageFault(
        'damaged',
        `Object ${segment.objectKey}: a batch for ${header.baseOffset} to ${endOffset} stands where ${end} to ${segment.endOffset} belong`,
      );
    }
    verifyBatchCrc(deps.codecs, bytes);
    end = endOffset;
  }
  return end;
}
