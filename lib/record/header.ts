import { MillraceError } from '../errors.ts';
import {
  readInt16,
  readInt32,
  readSafeInt64,
  readUint32,
  writeInt16,
  writeInt32,
  writeInt64,
} from './big-endian.ts';
import { type CompressionName, compressionId, compressionOf } from './compression/names.ts';

/**
 * The head of a record batch, format v2 (KIP-98; https://kafka.apache.org/documentation/#recordbatch). Big-endian.
 *
 *      0  int64   base offset            ┐ the checksum does not cover these:
 *      8  int32   bytes after this field │ the log assigns offsets without
 *     12  int32   leader epoch           │ touching the records
 *     16  int8    magic, 2               │
 *     17  uint32  CRC-32C of byte 21 on  ┘
 *     21  int16   attributes             bits 0–2 codec · 3 append time · 4 transactional · 5 control · 6 delete horizon
 *     23  int32   last offset delta
 *     27  int64   base timestamp, ms     (the delete horizon if bit 6 is set; record deltas count from it all the same)
 *     35  int64   largest timestamp, ms
 *     43  int64   producer id            -1: none
 *     51  int16   producer epoch         -1: none
 *     53  int32   base sequence          -1: none
 *     57  int32   number of records
 *     61  records, compressed as one piece
 */
export interface BatchHeader {
  readonly baseOffset: number;
  /** The whole batch, its first 12 bytes included. */
  readonly batchBytes: number;
  readonly leaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly compression: CompressionName;
  readonly timestampType: 'create' | 'append';
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly hasDeleteHorizon: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** 0 only in what compaction leaves of a batch. */
  readonly recordCount: number;
}

export const HEADER_BYTES = 61;
/** What the length field does not count: the base offset and itself. */
export const LOG_OVERHEAD_BYTES = 12;
export const MAGIC = 2;

export const AT = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

export const APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;
const DELETE_HORIZON_BIT = 0x40;

/**
 * Reads the header of the batch that begins at `at`; the batch must lie wholly inside `bytes`. Does not look at the
 * checksum. Throws CORRUPT_MESSAGE, INVALID_TIMESTAMP (a timestamp beyond ±2^53), UNSUPPORTED_COMPRESSION_TYPE.
 */
export function readBatchHeader(bytes: Uint8Array, at = 0): BatchHeader {
  const batchBytes = batchBytesAt(bytes, at);
  const attributes = readInt16(bytes, at + AT.attributes);
  const compression = compressionOf(attributes);
  if (compression === undefined) {
    throw new MillraceError(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `codec ${attributes & 7} is none of Kafka's codecs`,
    );
  }
  return {
    baseOffset: int64At(bytes, at + AT.baseOffset, 'base offset', 'CORRUPT_MESSAGE'),
    batchBytes,
    leaderEpoch: readInt32(bytes, at + AT.leaderEpoch),
    magic: bytes[at + AT.magic] ?? 0,
    crc: readUint32(bytes, at + AT.crc),
    compression,
    timestampType: (attributes & APPEND_TIME_BIT) === 0 ? 'create' : 'append',
    isTransactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    isControl: (attributes & CONTROL_BIT) !== 0,
    hasDeleteHorizon: (attributes & DELETE_HORIZON_BIT) !== 0,
    lastOffsetDelta: countAt(bytes, at + AT.lastOffsetDelta, 'last offset delta'),
    baseTimestampMs: int64At(bytes, at + AT.baseTimestamp, 'base timestamp', 'INVALID_TIMESTAMP'),
    maxTimestampMs: int64At(bytes, at + AT.maxTimestamp, 'largest timestamp', 'INVALID_TIMESTAMP'),
    producerId: int64At(bytes, at + AT.producerId, 'producer id', 'CORRUPT_MESSAGE'),
    producerEpoch: readInt16(bytes, at + AT.producerEpoch),
    baseSequence: readInt32(bytes, at + AT.baseSequence),
    recordCount: countAt(bytes, at + AT.recordCount, 'number of records'),
  };
}

/**
 * The length of the batch that begins at `at`. Throws CORRUPT_MESSAGE unless it is of format v2, at least a header
 * long, and wholly there.
 */
export function batchBytesAt(bytes: Uint8Array, at: number): number {
  const restBytes = bytes.length - at;
  if (restBytes <= AT.magic) throw corrupt(`${restBytes} bytes are too few for a record batch`);
  const magic = bytes[at + AT.magic];
  if (magic !== MAGIC) throw corrupt(`format ${magic} is not record batch format ${MAGIC}`);
  const batchBytes = readInt32(bytes, at + AT.batchLength) + LOG_OVERHEAD_BYTES;
  if (batchBytes < HEADER_BYTES) throw corrupt(`a batch of ${batchBytes} bytes is shorter than its header`);
  if (batchBytes > restBytes) throw corrupt(`a batch of ${batchBytes} bytes ends after ${restBytes}`);
  return batchBytes;
}

const corrupt = (message: string): MillraceError => new MillraceError('CORRUPT_MESSAGE', message);

function int64At(
  bytes: Uint8Array,
  at: number,
  name: string,
  code: 'CORRUPT_MESSAGE' | 'INVALID_TIMESTAMP',
): number {
  const value = readSafeInt64(bytes, at);
  if (Number.isNaN(value)) throw new MillraceError(code, `the ${name} of a batch is beyond 2^53`);
  return value;
}

function countAt(bytes: Uint8Array, at: number, name: string): number {
  const value = readInt32(bytes, at);
  if (value < 0) throw corrupt(`the ${name} of a batch is ${value}`);
  return value;
}

/** Writes everything but the checksum. */
export function writeBatchHeader(out: Uint8Array, header: Omit<BatchHeader, 'crc' | 'magic'>): void {
  writeInt64(out, AT.baseOffset, header.baseOffset);
  writeInt32(out, AT.batchLength, header.batchBytes - LOG_OVERHEAD_BYTES);
  writeInt32(out, AT.leaderEpoch, header.leaderEpoch);
  out[AT.magic] = MAGIC;
  writeInt16(out, AT.attributes, attributesOf(header));
  writeInt32(out, AT.lastOffsetDelta, header.lastOffsetDelta);
  writeInt64(out, AT.baseTimestamp, header.baseTimestampMs);
  writeInt64(out, AT.maxTimestamp, header.maxTimestampMs);
  writeInt64(out, AT.producerId, header.producerId);
  writeInt16(out, AT.producerEpoch, header.producerEpoch);
  writeInt32(out, AT.baseSequence, header.baseSequence);
  writeInt32(out, AT.recordCount, header.recordCount);
}

function attributesOf(header: Omit<BatchHeader, 'crc' | 'magic'>): number {
  return (
    compressionId(header.compression) |
    (header.timestampType === 'append' ? APPEND_TIME_BIT : 0) |
    (header.isTransactional ? TRANSACTIONAL_BIT : 0) |
    (header.isControl ? CONTROL_BIT : 0) |
    (header.hasDeleteHorizon ? DELETE_HORIZON_BIT : 0)
  );
}

/** Gives the batch at the start of `bytes` its place in the log, in place. The checksum stays right. */
export function patchBaseOffset(
  bytes: Uint8Array,
  place: { readonly baseOffset: number; readonly leaderEpoch: number },
): void {
  writeInt64(bytes, AT.baseOffset, place.baseOffset);
  writeInt32(bytes, AT.leaderEpoch, place.leaderEpoch);
}
