import type { Chunk } from '../../partition/chunk.ts';
import { batchesIn } from '../../record/batches-in.ts';
import type { Bucket } from '../../storage/bucket.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { segmentFileName } from '../segment-item.ts';

/** An object is worth being a segment of its own from this part of `segment.bytes` on. */
const SEGMENT_SHARE_MIN = 1 / 8;
/** Copies of sealed data come in objects of nearly `LIMITS.chunkBytesMax`, which are not to be written twice. */
const KEPT_SEGMENT_SHARE_MIN = 1 / 16;

/**
 * Whether a chunk's object may become a segment without a copy, as far as its pointer tells. The spooler gives an object
 * that one chunk fills the name that a segment has, with the offset that was written into its bytes: where the chunk won
 * another place than it was uploaded for, the names differ.
 */
export function mayBeAdopted({ body, baseOffset, keepsOffsets }: Chunk, segmentBytes: number): boolean {
  const shareMin = keepsOffsets === true ? KEPT_SEGMENT_SHARE_MIN : SEGMENT_SHARE_MIN;
  return (
    body.kind === 'spilled' &&
    body.span.start === 0 &&
    body.span.length >= segmentBytes * shareMin &&
    body.span.key.endsWith(`/${segmentFileName(baseOffset)}`)
  );
}

/**
 * The bytes of the chunk's object if it is exactly what a segment of this chunk would be: nothing else in it, and the
 * right offsets in its batches. The bytes have to be read for their checksums anyway, and asking for one more tells
 * whether the object goes on: neither a listing nor a second read is needed to know its size. Throws `StorageFault`
 * (`damaged`) if it is missing or short.
 */
export async function readAdoptable(
  bucket: Bucket,
  chunk: Chunk,
  call: Call,
): Promise<{ readonly objectKey: string; readonly bytes: Uint8Array } | undefined> {
  if (chunk.body.kind !== 'spilled') return undefined;
  const { key, length } = chunk.body.span;
  const bytes = await bucket.get(key, { start: 0, length: length + 1 }, call);
  if (bytes === undefined) throw new StorageFault('damaged', `Object ${key} is missing`);
  if (bytes.length < length) {
    throw new StorageFault('damaged', `Object ${key} ends at ${bytes.length}, before ${length}`);
  }
  return bytes.length === length && holdsItsOffsets(chunk, bytes) ? { objectKey: key, bytes } : undefined;
}

function holdsItsOffsets({ baseOffset, endOffset, keepsOffsets }: Chunk, bytes: Uint8Array): boolean {
  let expected = baseOffset;
  for (const { header } of batchesIn(bytes)) {
    const isMisplaced = keepsOffsets === true ? header.baseOffset < expected : header.baseOffset !== expected;
    if (isMisplaced) return false;
    expected = header.baseOffset + header.lastOffsetDelta + 1;
  }
  return expected === endOffset;
}
