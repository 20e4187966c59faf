import { createHash } from 'node:crypto';
import {
  type BatchHeader,
  batchesIn,
  type Codecs,
  decodeBatch,
  type StoredRecord,
  verifyBatchCrc,
} from '../../lib/record/index.ts';

/** A field: null, `base64-…`, or `sha256-<bytes>-…` if it is longer than 256 bytes. */
type DescribedField = string | null;

/** A batch in the words of Kafka's RecordBatch interface, as java/GoldenRecords.java prints it. */
export interface DescribedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly sizeInBytes: number;
  readonly magic: number;
  readonly checksum: number;
  readonly compression: string;
  readonly timestampType: string;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  readonly isControlBatch: boolean;
  readonly deleteHorizonMs: number;
  readonly partitionLeaderEpoch: number;
  readonly count: number;
  readonly records: readonly DescribedRecord[];
}

export interface DescribedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: DescribedField;
  readonly value: DescribedField;
  readonly headers: readonly { readonly key: DescribedField; readonly value: DescribedField }[];
}

const FIELD_BYTES_MAX = 256;

/** What Millrace reads in `bytes`, said as Kafka's Java client says it. Checksums are verified. */
export function describeBatches(codecs: Codecs, bytes: Uint8Array): DescribedBatch[] {
  return Array.from(batchesIn(bytes), (batch) => {
    verifyBatchCrc(codecs, batch.bytes);
    return describeBatch(batch.header, decodeBatch(codecs, batch.bytes));
  });
}

function describeBatch(header: BatchHeader, records: readonly StoredRecord[]): DescribedBatch {
  return {
    baseOffset: header.baseOffset,
    lastOffset: header.baseOffset + header.lastOffsetDelta,
    sizeInBytes: header.batchBytes,
    magic: header.magic,
    checksum: header.crc,
    compression: header.compression,
    timestampType: header.timestampType === 'create' ? 'CreateTime' : 'LogAppendTime',
    maxTimestamp: header.maxTimestampMs,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    isTransactional: header.isTransactional,
    isControlBatch: header.isControl,
    deleteHorizonMs: header.hasDeleteHorizon ? header.baseTimestampMs : -1,
    partitionLeaderEpoch: header.leaderEpoch,
    count: header.recordCount,
    records: records.map(describeRecord),
  };
}

function describeRecord(record: StoredRecord): DescribedRecord {
  return {
    offset: record.offset,
    timestamp: record.timestampMs,
    key: describeField(record.key),
    value: describeField(record.value),
    headers: record.headers.map((header) => ({
      key: describeField(Buffer.from(header.key)),
      value: describeField(header.value),
    })),
  };
}

function describeField(field: Uint8Array | null): DescribedField {
  if (field === null) return null;
  if (field.length <= FIELD_BYTES_MAX) return `base64-${Buffer.from(field).toString('base64')}`;
  return `sha256-${field.length}-${createHash('sha256').update(field).digest('base64')}`;
}
