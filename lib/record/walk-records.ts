import { MillraceError } from '../errors.ts';
import { NULL_LENGTH, RECORD_BYTES_MIN, RECORD_HEADER_BYTES_MIN, type RecordHeader } from './record.ts';
import { readUtf8 } from './utf8.ts';
import { type ByteReader, readByte, readVarint, readVarlong } from './varint.ts';

/** Where a record's parts lie. One object serves every record of a walk: take out of it what is needed. */
export interface RecordView {
  /** The decompressed records of the batch. */
  readonly section: Uint8Array;
  /** The record's place in the batch, from 0. */
  index: number;
  startAt: number;
  endAt: number;
  /** `NaN` if a number does not hold it exactly. */
  timestampDeltaMs: number;
  offsetDelta: number;
  keyAt: number;
  /** -1: null. */
  keyBytes: number;
  valueAt: number;
  /** -1: null. */
  valueBytes: number;
  headersAt: number;
  headerCount: number;
}

const corrupt = (message: string): MillraceError => new MillraceError('CORRUPT_MESSAGE', message);

/**
 * Goes through the records of a batch and copies nothing. Throws CORRUPT_MESSAGE unless exactly `recordCount` whole
 * records fill the section to its last byte.
 */
export function walkRecords(
  section: Uint8Array,
  recordCount: number,
  visit: (view: RecordView) => void,
): void {
  if (recordCount * RECORD_BYTES_MIN > section.length) {
    throw corrupt(`${section.length} bytes cannot hold ${recordCount} records`);
  }
  const reader: ByteReader = { bytes: section, at: 0, end: section.length };
  const view = emptyView(section);
  for (let index = 0; index < recordCount; index++) {
    readRecord(reader, view);
    view.index = index;
    visit(view);
  }
  if (reader.at !== section.length) {
    throw corrupt(`${section.length - reader.at} bytes follow the last of ${recordCount} records`);
  }
}

const emptyView = (section: Uint8Array): RecordView => ({
  section,
  index: 0,
  startAt: 0,
  endAt: 0,
  timestampDeltaMs: 0,
  offsetDelta: 0,
  keyAt: 0,
  keyBytes: 0,
  valueAt: 0,
  valueBytes: 0,
  headersAt: 0,
  headerCount: 0,
});

function readRecord(reader: ByteReader, view: RecordView): void {
  view.startAt = reader.at;
  const bodyBytes = readVarint(reader);
  view.endAt = reader.at + bodyBytes;
  if (bodyBytes < RECORD_BYTES_MIN - 1 || view.endAt > reader.end) {
    throw corrupt(`a record of ${bodyBytes} bytes stands where ${reader.end - reader.at} are left`);
  }
  readByte(reader);
  view.timestampDeltaMs = readVarlong(reader);
  view.offsetDelta = readVarint(reader);
  view.keyBytes = readLength(reader, view.endAt);
  view.keyAt = reader.at;
  skip(reader, view.keyBytes);
  view.valueBytes = readLength(reader, view.endAt);
  view.valueAt = reader.at;
  skip(reader, view.valueBytes);
  view.headerCount = readHeaderCount(reader, view.endAt);
  view.headersAt = reader.at;
  skipHeaders(reader, view);
  if (reader.at !== view.endAt) throw corrupt('a record is not as long as it states');
}

/** A length that fits what is left of the record; -1 for null. */
function readLength(reader: ByteReader, endAt: number): number {
  const length = readVarint(reader);
  if (length < NULL_LENGTH || length > endAt - reader.at) {
    throw corrupt(`a field of ${length} bytes stands where ${endAt - reader.at} are left`);
  }
  return length;
}

function skip(reader: ByteReader, length: number): void {
  if (length > 0) reader.at += length;
}

function readHeaderCount(reader: ByteReader, endAt: number): number {
  const count = readVarint(reader);
  if (count < 0 || count * RECORD_HEADER_BYTES_MIN > endAt - reader.at) {
    throw corrupt(`${count} headers stand where ${endAt - reader.at} bytes are left`);
  }
  return count;
}

function skipHeaders(reader: ByteReader, view: RecordView): void {
  for (let index = 0; index < view.headerCount; index++) {
    const nameBytes = readLength(reader, view.endAt);
    if (nameBytes === NULL_LENGTH) throw corrupt('a record header has no name');
    skip(reader, nameBytes);
    skip(reader, readLength(reader, view.endAt));
  }
}

/** A view of the field, not a copy. */
export function fieldAt(section: Uint8Array, at: number, length: number): Uint8Array | null {
  return length === NULL_LENGTH ? null : section.subarray(at, at + length);
}

/** The headers of a record that was walked. Names that are not UTF-8 come back with replacement characters. */
export function readHeaders(view: RecordView): RecordHeader[] {
  if (view.headerCount === 0) return [];
  const reader: ByteReader = { bytes: view.section, at: view.headersAt, end: view.endAt };
  const headers: RecordHeader[] = [];
  for (let index = 0; index < view.headerCount; index++) {
    const nameBytes = readVarint(reader);
    const key = readUtf8(view.section, reader.at, reader.at + nameBytes);
    reader.at += nameBytes;
    const valueBytes = readVarint(reader);
    headers.push({ key, value: fieldAt(view.section, reader.at, valueBytes) });
    skip(reader, valueBytes);
  }
  return headers;
}
