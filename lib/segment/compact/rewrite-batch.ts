import type { BatchIn } from '../../record/batches-in.ts';
import { sealBatch } from '../../record/checksum.ts';
import type { Codecs } from '../../record/codecs.ts';
import { recordTimestampMs } from '../../record/decode-batch.ts';
import { type BatchHeader, HEADER_BYTES, writeBatchHeader } from '../../record/header.ts';
import type { RecordView } from '../../record/walk-records.ts';
import { walkOffsets } from './record-offsets.ts';

/** Whether a record stays. The view serves every record in turn: take out of it what is needed. */
export type Retain = (view: RecordView, offset: number) => boolean;

export type RewrittenBatch =
  | { readonly kind: 'same' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'changed'; readonly batch: BatchIn };

/** Records that stay, as stretches of the decompressed section. */
interface Kept {
  section: Uint8Array;
  readonly ranges: number[];
  bytes: number;
  count: number;
  maxTimestampMs: number;
}

/**
 * The batch without the records that do not stay. Offsets, boundaries, sequence numbers, base timestamp and codec are
 * kept, so what stays of the section is copied as it is: deltas count from the same base. As in Kafka the largest
 * timestamp becomes that of what stays, unless the log stamped it. Throws what `walkOffsets` throws.
 */
export function rewriteBatch(codecs: Codecs, batch: BatchIn, retain: Retain): RewrittenBatch {
  const { header } = batch;
  if (header.recordCount === 0) return { kind: 'empty' };
  const kept: Kept = { section: batch.bytes, ranges: [], bytes: 0, count: 0, maxTimestampMs: -1 };
  walkOffsets(codecs, batch, (view, offset) => {
    if (!retain(view, offset)) return;
    keep(kept, view);
    kept.maxTimestampMs = Math.max(kept.maxTimestampMs, recordTimestampMs(header, view));
  });
  if (kept.count === header.recordCount) return { kind: 'same' };
  if (kept.count === 0) return { kind: 'empty' };
  return { kind: 'changed', batch: assemble(codecs, header, kept) };
}

function keep(kept: Kept, { section, startAt, endAt }: RecordView): void {
  kept.section = section;
  kept.count += 1;
  kept.bytes += endAt - startAt;
  const { ranges } = kept;
  // Neighbours are copied together.
  if (ranges.at(-1) === startAt) ranges[ranges.length - 1] = endAt;
  else ranges.push(startAt, endAt);
}

function assemble(codecs: Codecs, header: BatchHeader, kept: Kept): BatchIn {
  const plain = new Uint8Array(HEADER_BYTES + kept.bytes);
  let at = HEADER_BYTES;
  for (let i = 0; i < kept.ranges.length; i += 2) {
    const range = kept.section.subarray(kept.ranges[i], kept.ranges[i + 1]);
    plain.set(range, at);
    at += range.length;
  }
  const out = header.compression === 'none' ? plain : compressed(codecs, header, plain);
  return sealed(codecs, out, { ...header, recordCount: kept.count, maxTimestampMs: kept.maxTimestampMs });
}

function compressed(codecs: Codecs, header: BatchHeader, plain: Uint8Array): Uint8Array {
  const section = codecs.compress(header.compression, plain.subarray(HEADER_BYTES));
  const out = new Uint8Array(HEADER_BYTES + section.length);
  out.set(section, HEADER_BYTES);
  return out;
}

/**
 * What is left of the last batch of a producer when none of its records stay: its header, which says how far the
 * producer's sequence numbers had come. Uncompressed, as in Kafka: there is nothing to compress.
 */
export function emptiedBatch(codecs: Codecs, header: BatchHeader): BatchIn {
  return sealed(codecs, new Uint8Array(HEADER_BYTES), { ...header, compression: 'none', recordCount: 0 });
}

function sealed(codecs: Codecs, bytes: Uint8Array, header: BatchHeader): BatchIn {
  const stated = { ...header, batchBytes: bytes.length };
  writeBatchHeader(bytes, stated);
  sealBatch(codecs, bytes);
  return { header: stated, bytes };
}
