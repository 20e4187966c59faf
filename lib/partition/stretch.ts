import { LIMITS } from '../limits.ts';
import type { BatchHeader } from '../record/header.ts';

/** Batches in a row of a spilled chunk that keeps offsets: so few are told of one by one that the chunk may be large. */
export interface Stretch {
  readonly bytes: number;
  /** Of the first batch. */
  readonly baseOffset: number;
  /** Behind the last one. */
  readonly endOffset: number;
  readonly maxTimestampMs: number;
  /** Whether any of them has a producer id. */
  readonly hasProducers: boolean;
}

/** A reader who wants one batch reads the stretch it lies in, so stretches are small where the chunk is. */
const STRETCH_BYTES_MIN = 4_096;

/** At most `LIMITS.chunkBatchesMax` stretches, whatever the number of batches. */
export function stretchesOf(headers: readonly BatchHeader[]): Stretch[] {
  const bytesTotal = headers.reduce((total, { batchBytes }) => total + batchBytes, 0);
  const bytesMin = Math.max(STRETCH_BYTES_MIN, Math.ceil(bytesTotal / LIMITS.chunkBatchesMax));
  const stretches: Stretch[] = [];
  for (const header of headers) {
    const last = stretches.at(-1);
    if (last === undefined || last.bytes >= bytesMin) stretches.push(stretchOf(header));
    else stretches[stretches.length - 1] = joined(last, stretchOf(header));
  }
  return stretches;
}

function stretchOf({
  batchBytes,
  baseOffset,
  lastOffsetDelta,
  maxTimestampMs,
  producerId,
}: BatchHeader): Stretch {
  return {
    bytes: batchBytes,
    baseOffset,
    endOffset: baseOffset + lastOffsetDelta + 1,
    maxTimestampMs,
    hasProducers: producerId >= 0,
  };
}

function joined(first: Stretch, next: Stretch): Stretch {
  return {
    bytes: first.bytes + next.bytes,
    baseOffset: first.baseOffset,
    endOffset: next.endOffset,
    maxTimestampMs: Math.max(first.maxTimestampMs, next.maxTimestampMs),
    hasProducers: first.hasProducers || next.hasProducers,
  };
}

/*
 * One stretch, 29 bytes, big endian:
 *
 *   bytes u32 | baseOffset f64 | endOffset f64 | maxTimestampMs f64 | hasProducers u8
 */
const STRETCH_BYTES = 29;

export function encodeStretches(stretches: readonly Stretch[]): Uint8Array {
  const encoded = new Uint8Array(stretches.length * STRETCH_BYTES);
  const view = new DataView(encoded.buffer);
  stretches.forEach((stretch, index) => {
    const at = index * STRETCH_BYTES;
    view.setUint32(at, stretch.bytes);
    view.setFloat64(at + 4, stretch.baseOffset);
    view.setFloat64(at + 12, stretch.endOffset);
    view.setFloat64(at + 20, stretch.maxTimestampMs);
    view.setUint8(at + 28, stretch.hasProducers ? 1 : 0);
  });
  return encoded;
}

export function decodeStretches(encoded: Uint8Array): Stretch[] {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  return Array.from({ length: Math.floor(encoded.length / STRETCH_BYTES) }, (_, index) => {
    const at = index * STRETCH_BYTES;
    return {
      bytes: view.getUint32(at),
      baseOffset: view.getFloat64(at + 4),
      endOffset: view.getFloat64(at + 12),
      maxTimestampMs: view.getFloat64(at + 20),
      hasProducers: view.getUint8(at + 28) === 1,
    };
  });
}
