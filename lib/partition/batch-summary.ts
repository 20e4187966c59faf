import type { BatchHeader } from '../record/header.ts';

/** What the log must know of a batch without reading it. */
export interface BatchSummary {
  readonly bytes: number;
  /** How many offsets the batch covers: its last offset delta plus one, whatever compaction left inside. */
  readonly offsetCount: number;
  readonly maxTimestampMs: number;
  /** -1 when the batch has no producer id. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

export function summarize(header: BatchHeader): BatchSummary {
  return {
    bytes: header.batchBytes,
    offsetCount: header.lastOffsetDelta + 1,
    maxTimestampMs: header.maxTimestampMs,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
  };
}

/*
 * One summary, 30 bytes, big endian:
 *
 *   bytes u32 | offsetCount u32 | maxTimestampMs f64 | producerId f64 | producerEpoch i16 | baseSequence i32
 */
const SUMMARY_BYTES = 30;

export function encodeSummaries(summaries: readonly BatchSummary[]): Uint8Array {
  const encoded = new Uint8Array(summaries.length * SUMMARY_BYTES);
  const view = new DataView(encoded.buffer);
  summaries.forEach((summary, index) => {
    const at = index * SUMMARY_BYTES;
    view.setUint32(at, summary.bytes);
    view.setUint32(at + 4, summary.offsetCount);
    view.setFloat64(at + 8, summary.maxTimestampMs);
    view.setFloat64(at + 16, summary.producerId);
    view.setInt16(at + 24, summary.producerEpoch);
    view.setInt32(at + 26, summary.baseSequence);
  });
  return encoded;
}

export function decodeSummaries(encoded: Uint8Array): BatchSummary[] {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  return Array.from({ length: Math.floor(encoded.length / SUMMARY_BYTES) }, (_, index) => {
    const at = index * SUMMARY_BYTES;
    return {
      bytes: view.getUint32(at),
      offsetCount: view.getUint32(at + 4),
      maxTimestampMs: view.getFloat64(at + 8),
      producerId: view.getFloat64(at + 16),
      producerEpoch: view.getInt16(at + 24),
      baseSequence: view.getInt32(at + 26),
    };
  });
}
