import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { setMaxTimestamp } from './append-time.ts';
import { readSafeInt64 } from './big-endian.ts';
import { verifyBatchCrc } from './checksum.ts';
import type { Codecs } from './codecs.ts';
import { openSection, recordTimestampMs } from './decode-batch.ts';
import { AT, type BatchHeader, batchBytesAt, MAGIC, readBatchHeader } from './header.ts';
import { NULL_LENGTH } from './record.ts';
import { type RecordView, walkRecords } from './walk-records.ts';

export interface ProduceRules {
  /** Topic config `max.message.bytes`: the largest batch as it was sent. */
  readonly batchBytesMax: number;
  /** Records without a key are refused. */
  readonly compactedTopic: boolean;
  readonly timestamps: {
    readonly nowMs: number;
    /** Topic config `message.timestamp.before.max.ms`. */
    readonly beforeMsMax: number;
    /** Topic config `message.timestamp.after.max.ms`. */
    readonly afterMsMax: number;
    /** Topic config `message.timestamp.type`; with `append` the records' own timestamps are not looked at. */
    readonly type: 'create' | 'append';
  };
}

/**
 * Checks batches that a client sent, as Kafka's broker does before it appends them: the structure, the checksum, the
 * header, and every record inside. A largest timestamp that is not the records' is put right in place, with a new
 * checksum, as the broker does. Kafka takes one batch in a request for a partition; several are taken here, up to
 * `LIMITS.chunkBatchesMax`, each with base offset 0.
 *
 * Throws CORRUPT_MESSAGE (cut off, wrong length, wrong checksum: sending again may help), INVALID_RECORD (no batch, not
 * format v2, base offset not 0, number of records, producer fields, control or transactional batch, a record without
 * a key in a compacted topic, records that cannot be read), INVALID_TIMESTAMP, MESSAGE_TOO_LARGE (a batch, or all
 * records of the request once decompressed), RECORD_LIST_TOO_LARGE (batches, or records in a batch),
 * UNSUPPORTED_COMPRESSION_TYPE.
 */
export function checkProduced(codecs: Codecs, bytes: Uint8Array, rules: ProduceRules): BatchHeader[] {
  if (bytes.length === 0) throw invalid('there is no record batch');
  const headers: BatchHeader[] = [];
  let at = 0;
  let sectionBytesLeft: number = LIMITS.decompressedBytesMax;
  while (at < bytes.length) {
    if (headers.length === LIMITS.chunkBatchesMax) {
      throw new MillraceError('RECORD_LIST_TOO_LARGE', `more than ${LIMITS.chunkBatchesMax} batches`);
    }
    const batch = wholeBatch(codecs, bytes, at, rules.batchBytesMax);
    const header = asSent(() => readBatchHeader(batch));
    checkHeader(header);
    const records = checkRecords(codecs, batch, header, { rules, sectionBytesLeft });
    sectionBytesLeft -= records.sectionBytes;
    headers.push(withMaxTimestamp(codecs, batch, header, records.maxTimestampMs));
    at += header.batchBytes;
  }
  return headers;
}

const invalid = (message: string, cause?: unknown): MillraceError =>
  new MillraceError('INVALID_RECORD', message, cause === undefined ? undefined : { cause });

/** In Kafka's order: format, base offset, size, checksum. */
function wholeBatch(codecs: Codecs, bytes: Uint8Array, at: number, batchBytesMax: number): Uint8Array {
  const magic = bytes[at + AT.magic];
  if (magic !== undefined && magic !== MAGIC) throw invalid(`records of format ${magic} are not taken`);
  const batchBytes = batchBytesAt(bytes, at);
  if (readSafeInt64(bytes, at + AT.baseOffset) !== 0)
    throw invalid('the base offset of a new batch is not 0');
  if (batchBytes > batchBytesMax) {
    throw new MillraceError(
      'MESSAGE_TOO_LARGE',
      `a batch of ${batchBytes} bytes; the topic takes ${batchBytesMax}`,
    );
  }
  const batch = bytes.subarray(at, at + batchBytes);
  verifyBatchCrc(codecs, batch);
  return batch;
}

function checkHeader(header: BatchHeader): void {
  const { recordCount, lastOffsetDelta } = header;
  if (recordCount < 1) throw invalid(`a batch of ${recordCount} records`);
  if (recordCount !== lastOffsetDelta + 1) {
    throw invalid(`a batch of ${recordCount} records has a last offset delta of ${lastOffsetDelta}`);
  }
  if (recordCount > LIMITS.recordsPerBatchMax) {
    throw new MillraceError('RECORD_LIST_TOO_LARGE', `a batch of ${recordCount} records`);
  }
  if (header.isControl) throw invalid('clients do not write control batches');
  if (header.isTransactional) throw invalid('transactions are not supported');
  if (header.hasDeleteHorizon) throw invalid('only compaction sets a delete horizon');
  if (header.timestampType === 'append') {
    throw new MillraceError('INVALID_TIMESTAMP', 'only the log itself stamps append time');
  }
  checkProducer(header);
}

function checkProducer(header: BatchHeader): void {
  const { producerId, producerEpoch, baseSequence } = header;
  if (producerId < 0) return;
  if (baseSequence < 0 || producerEpoch < 0) {
    throw invalid(`producer ${producerId} sent epoch ${producerEpoch} and sequence ${baseSequence}`);
  }
}

interface CheckedRecords {
  readonly maxTimestampMs: number;
  readonly sectionBytes: number;
}

function checkRecords(
  codecs: Codecs,
  batch: Uint8Array,
  header: BatchHeader,
  options: { readonly rules: ProduceRules; readonly sectionBytesLeft: number },
): CheckedRecords {
  const { rules } = options;
  let maxTimestampMs = -1;
  const check = (view: RecordView): void => {
    checkRecord(view, rules.compactedTopic);
    const timestampMs = recordTimestampMs(header, view);
    if (rules.timestamps.type === 'create') checkTimestamp(timestampMs, rules.timestamps);
    if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs;
  };
  return asSent(() => {
    const section = openSection(codecs, batch, header, options.sectionBytesLeft);
    walkRecords(section, header.recordCount, check);
    return { maxTimestampMs, sectionBytes: section.length };
  });
}

/** Once the checksum was right the client meant these bytes: sending them again does not help. */
function asSent<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const isCorrupt = error instanceof MillraceError && error.code === 'CORRUPT_MESSAGE';
    throw isCorrupt ? invalid(error.message, error) : error;
  }
}

function checkRecord(view: RecordView, compactedTopic: boolean): void {
  if (view.offsetDelta !== view.index) {
    throw invalid(`record ${view.index} of a batch has the offset delta ${view.offsetDelta}`);
  }
  if (compactedTopic && view.keyBytes === NULL_LENGTH) {
    throw invalid(`record ${view.index} has no key, which a compacted topic needs`);
  }
  if (view.headerCount > LIMITS.headersPerRecordMax) {
    throw invalid(`record ${view.index} has ${view.headerCount} headers`);
  }
}

/** -1 is no timestamp, and always good (Kafka's LogValidator; KIP-937 for the two bounds). */
function checkTimestamp(timestampMs: number, bounds: ProduceRules['timestamps']): void {
  if (timestampMs === -1) return;
  const ageMs = bounds.nowMs - timestampMs;
  if (timestampMs >= 0 && ageMs <= bounds.beforeMsMax && -ageMs <= bounds.afterMsMax) return;
  throw new MillraceError(
    'INVALID_TIMESTAMP',
    `timestamp ${timestampMs} is not within ${bounds.beforeMsMax} ms before and ${bounds.afterMsMax} ms after now`,
  );
}

function withMaxTimestamp(
  codecs: Codecs,
  batch: Uint8Array,
  header: BatchHeader,
  maxTimestampMs: number,
): BatchHeader {
  if (header.maxTimestampMs === maxTimestampMs) return header;
  setMaxTimestamp(codecs, batch, maxTimestampMs);
  return readBatchHeader(batch);
}
