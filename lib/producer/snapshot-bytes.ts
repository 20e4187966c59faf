import { invariant } from '../errors.ts';
import type { Codecs } from '../record/codecs.ts';
import { StorageFault } from '../storage/fault.ts';
import type { KeptBatch, KnownProducer, Producers } from './producers.ts';

/*
 * What a snapshot holds, big endian:
 *
 *   0  uint32  CRC-32C of byte 4 on
 *   4  uint32  number of producers, then for each of them
 *              float64  producer id
 *              uint16   origin: 0, the log's own clients
 *              int16    epoch
 *              float64  last seen, ms on storage's clock
 *              uint8    number of batches kept, then for each of them, the oldest first
 *                       int32 first sequence   int32 last sequence   float64 base offset
 */
const HEAD_BYTES = 8;
const PRODUCER_BYTES = 21;
const BATCH_BYTES = 16;
const ORIGIN_HERE = 0;

/** Producers that have been aged: each knows when it was seen last. */
export function encodeProducers(codecs: Codecs, producers: Producers): Uint8Array {
  let length = HEAD_BYTES;
  for (const { batches } of producers.values()) length += PRODUCER_BYTES + batches.length * BATCH_BYTES;
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  view.setUint32(4, producers.size);
  let at = HEAD_BYTES;
  for (const [producerId, { epoch, batches, lastSeenMs }] of producers) {
    invariant(lastSeenMs !== undefined, 'a snapshot says of every producer when it was seen last');
    view.setFloat64(at, producerId);
    view.setUint16(at + 8, ORIGIN_HERE);
    view.setInt16(at + 10, epoch);
    view.setFloat64(at + 12, lastSeenMs);
    view.setUint8(at + 20, batches.length);
    at += PRODUCER_BYTES;
    for (const { firstSequence, lastSequence, baseOffset } of batches) {
      view.setInt32(at, firstSequence);
      view.setInt32(at + 4, lastSequence);
      view.setFloat64(at + 8, baseOffset);
      at += BATCH_BYTES;
    }
  }
  view.setUint32(0, codecs.crc32c(bytes.subarray(4)));
  return bytes;
}

/** Throws `StorageFault` (`damaged`; `refused` for producers of another origin, which this version does not know). */
export function decodeProducers(codecs: Codecs, bytes: Uint8Array): Map<number, KnownProducer> {
  const view = viewOf(bytes);
  const isSound = bytes.length >= HEAD_BYTES && view.getUint32(0) === codecs.crc32c(bytes.subarray(4));
  if (!isSound) throw new StorageFault('damaged', 'what is stored is no snapshot of producers');
  const producers = new Map<number, KnownProducer>();
  let at = HEAD_BYTES;
  for (let left = view.getUint32(4); left > 0; left -= 1) {
    if (view.getUint16(at + 8) !== ORIGIN_HERE) {
      throw new StorageFault('refused', 'a snapshot knows producers of another log: upgrade Millrace');
    }
    const batches = batchesAt(view, at + PRODUCER_BYTES, view.getUint8(at + 20));
    const known = { epoch: view.getInt16(at + 10), lastSeenMs: view.getFloat64(at + 12), batches };
    producers.set(view.getFloat64(at), known);
    at += PRODUCER_BYTES + batches.length * BATCH_BYTES;
  }
  return producers;
}

function batchesAt(view: DataView, start: number, count: number): KeptBatch[] {
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * BATCH_BYTES;
    return {
      firstSequence: view.getInt32(at),
      lastSequence: view.getInt32(at + 4),
      baseOffset: view.getFloat64(at + 8),
    };
  });
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
