import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { sealBatch } from './checksum.ts';
import type { Codecs } from './codecs.ts';
import type { CompressionName } from './compression/names.ts';
import { HEADER_BYTES, writeBatchHeader } from './header.ts';
import type { NewRecord } from './record.ts';
import { planRecords, type RecordPlan, writeRecords } from './write-records.ts';

export interface EncodeOptions {
  readonly compression: CompressionName;
  /** `append`: every record has the largest of their timestamps. @default 'create' */
  readonly timestampType?: 'create' | 'append';
  readonly producer?: {
    readonly producerId: number;
    readonly producerEpoch: number;
    readonly baseSequence: number;
  };
  /** @default false */
  readonly isTransactional?: boolean;
  /** @default false */
  readonly isControl?: boolean;
  /** @default 0 */
  readonly baseOffset?: number;
  /** @default -1 */
  readonly leaderEpoch?: number;
}

/**
 * Makes one record batch, checksum included; the records get consecutive offsets. Throws INVALID_RECORD (no records),
 * RECORD_LIST_TOO_LARGE, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP.
 */
export function encodeBatch(
  codecs: Codecs,
  records: readonly NewRecord[],
  options: EncodeOptions,
): Uint8Array {
  if (records.length === 0) throw new MillraceError('INVALID_RECORD', 'a batch has no records');
  if (records.length > LIMITS.recordsPerBatchMax) {
    throw new MillraceError('RECORD_LIST_TOO_LARGE', `a batch has ${records.length} records`);
  }
  const plan = planRecords(records);
  const batch =
    options.compression === 'none'
      ? plainBatch(records, plan)
      : compressedBatch(codecs, records, plan, options);
  writeBatchHeader(batch, {
    baseOffset: options.baseOffset ?? 0,
    batchBytes: batch.length,
    leaderEpoch: options.leaderEpoch ?? -1,
    compression: options.compression,
    timestampType: options.timestampType ?? 'create',
    isTransactional: options.isTransactional ?? false,
    isControl: options.isControl ?? false,
    hasDeleteHorizon: false,
    lastOffsetDelta: records.length - 1,
    baseTimestampMs: plan.baseTimestampMs,
    maxTimestampMs: plan.maxTimestampMs,
    producerId: options.producer?.producerId ?? -1,
    producerEpoch: options.producer?.producerEpoch ?? -1,
    baseSequence: options.producer?.baseSequence ?? -1,
    recordCount: records.length,
  });
  sealBatch(codecs, batch);
  return batch;
}

/** Uncompressed records are written where they stay. */
function plainBatch(records: readonly NewRecord[], plan: RecordPlan): Uint8Array {
  const batch = new Uint8Array(HEADER_BYTES + plan.totalBytes);
  writeRecords(batch, HEADER_BYTES, records, plan);
  return batch;
}

function compressedBatch(
  codecs: Codecs,
  records: readonly NewRecord[],
  plan: RecordPlan,
  options: EncodeOptions,
): Uint8Array {
  const section = new Uint8Array(plan.totalBytes);
  writeRecords(section, 0, records, plan);
  return withSection(codecs.compress(options.compression, section));
}

/** A batch of these (already compressed) records with room for its header. */
export function withSection(section: Uint8Array): Uint8Array {
  const batch = new Uint8Array(HEADER_BYTES + section.length);
  batch.set(section, HEADER_BYTES);
  return batch;
}
