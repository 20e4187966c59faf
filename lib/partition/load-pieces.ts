import { batchesIn } from '../record/batches-in.ts';
import { patchBaseOffset } from '../record/header.ts';
import type { Bucket } from '../storage/bucket.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { groupPieces, type ReadPiece, type SpanRead } from './read-plan.ts';

/** Object reads of one fetch that may be under way at once. */
const READS_AT_ONCE = 4;

/**
 * Fetches what lies in objects, neighbouring spans together, and answers the batches of all pieces in order.
 * Throws `StorageFault` (`damaged` with the object's name if it is missing or short).
 */
export async function loadPieces(
  bucket: Bucket,
  pieces: readonly ReadPiece[],
  call: Call,
): Promise<Uint8Array[]> {
  const groups = groupPieces(pieces);
  const loaded = new Array<readonly Uint8Array[]>(groups.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < groups.length) {
      const index = next;
      next += 1;
      const group = groups[index];
      if (group === undefined) return;
      loaded[index] = 'pieces' in group ? await loadSpan(bucket, group, call) : [group.bytes];
    }
  };
  await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, groups.length) }, worker));
  return loaded.flat().flatMap((bytes) => Array.from(batchesIn(bytes), (batch) => batch.bytes));
}

/** Bytes that begin and end between two batches. */
async function loadSpan(bucket: Bucket, read: SpanRead, call: Call): Promise<readonly Uint8Array[]> {
  const { key, start, length } = read.span;
  const bytes = await bucket.get(key, { start, length }, call);
  if (bytes === undefined) throw new StorageFault('damaged', `Object ${key} is missing`);
  if (bytes.length !== length) {
    throw new StorageFault(
      'damaged',
      `Object ${key} ends at ${start + bytes.length}, before ${start + length}`,
    );
  }
  let at = 0;
  return read.pieces.map((piece) => {
    const part = bytes.subarray(at, at + piece.span.length);
    at += part.length;
    return piece.keptFrom === undefined ? placed(part, piece.baseOffset) : keptFrom(part, piece.keptFrom);
  });
}

/** The upload may have been made for an earlier tail; the pointer says which offsets hold. */
function placed(bytes: Uint8Array, baseOffset: number): Uint8Array {
  let offset = baseOffset;
  for (const batch of batchesIn(bytes)) {
    const { leaderEpoch } = batch.header;
    patchBaseOffset(batch.bytes, { baseOffset: offset, leaderEpoch });
    offset += batch.header.lastOffsetDelta + 1;
  }
  return bytes;
}

/** Without the batches of a stretch that end at or below `offset`. */
function keptFrom(bytes: Uint8Array, offset: number): Uint8Array {
  let at = 0;
  for (const { header } of batchesIn(bytes)) {
    if (header.baseOffset + header.lastOffsetDelta >= offset) break;
    at += header.batchBytes;
  }
  return bytes.subarray(at);
}
