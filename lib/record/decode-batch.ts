import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Codecs } from './codecs.ts';
import { type BatchHeader, HEADER_BYTES, readBatchHeader } from './header.ts';
import type { StoredRecord } from './record.ts';
import { fieldAt, type RecordView, readHeaders, walkRecords } from './walk-records.ts';

/**
 * The records of one batch. The checksum is checked where data enters and where it is sealed, not here. Throws
 * CORRUPT_MESSAGE, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE, and MESSAGE_TOO_LARGE if the records decompress to
 * more than `LIMITS.decompressedBytesMax`.
 */
export function decodeBatch(codecs: Codecs, batch: Uint8Array): StoredRecord[] {
  const header = readBatchHeader(batch);
  const records: StoredRecord[] = [];
  walkRecords(openSection(codecs, batch, header), header.recordCount, (view) => {
    records.push(storedRecord(header, view));
  });
  return records;
}

/**
 * The records of a batch, decompressed. A batch that compaction has emptied has none, whatever codec it states.
 * Throws CORRUPT_MESSAGE, MESSAGE_TOO_LARGE (beyond `bytesMax`).
 */
export function openSection(
  codecs: Codecs,
  batch: Uint8Array,
  header: BatchHeader,
  bytesMax: number = LIMITS.decompressedBytesMax,
): Uint8Array {
  const section = batch.subarray(HEADER_BYTES, header.batchBytes);
  if (section.length === 0) return section;
  return codecs.decompress(header.compression, section, bytesMax);
}

function storedRecord(header: BatchHeader, view: RecordView): StoredRecord {
  return {
    offset: header.baseOffset + checkedOffsetDelta(header, view),
    timestampMs: recordTimestampMs(header, view),
    key: fieldAt(view.section, view.keyAt, view.keyBytes),
    value: fieldAt(view.section, view.valueAt, view.valueBytes),
    headers: readHeaders(view),
  };
}

function checkedOffsetDelta(header: BatchHeader, view: RecordView): number {
  if (view.offsetDelta >= 0 && view.offsetDelta <= header.lastOffsetDelta) return view.offsetDelta;
  throw new MillraceError(
    'CORRUPT_MESSAGE',
    `record ${view.offsetDelta} stands in a batch that ends at ${header.lastOffsetDelta}`,
  );
}

/** A record's timestamp by the rules of its batch: the log's one for all, or its own. Throws INVALID_TIMESTAMP. */
export function recordTimestampMs(header: BatchHeader, view: RecordView): number {
  if (header.timestampType === 'append') return header.maxTimestampMs;
  const timestampMs = header.baseTimestampMs + view.timestampDeltaMs;
  if (Number.isSafeInteger(timestampMs)) return timestampMs;
  throw new MillraceError('INVALID_TIMESTAMP', 'the timestamp of a record is beyond 2^53');
}
