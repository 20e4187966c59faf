import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type NewRecord, NULL_LENGTH, type RecordHeader } from './record.ts';
import { utf8Bytes, writeUtf8 } from './utf8.ts';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.ts';

/** How much room records take, found before any of it is allocated. */
export interface RecordPlan {
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  /** Bytes of each record after its length field. */
  readonly bodyBytes: readonly number[];
  readonly totalBytes: number;
}

/**
 * Measures the records of one batch; the first record's timestamp is the base, as in Kafka's own producer. Throws
 * INVALID_TIMESTAMP, and MESSAGE_TOO_LARGE where a reader would refuse to take the records in.
 */
export function planRecords(records: readonly NewRecord[]): RecordPlan {
  const baseTimestampMs = records[0]?.timestampMs ?? -1;
  let maxTimestampMs = -1;
  let totalBytes = 0;
  const bodyBytes: number[] = [];
  let offsetDelta = 0;
  for (const record of records) {
    checkTimestamp(record.timestampMs);
    if (record.timestampMs > maxTimestampMs) maxTimestampMs = record.timestampMs;
    const body = recordBodyBytes(record, record.timestampMs - baseTimestampMs, offsetDelta);
    bodyBytes.push(body);
    totalBytes += varintBytes(body) + body;
    offsetDelta++;
    if (totalBytes > LIMITS.decompressedBytesMax) throw tooLarge();
  }
  return { baseTimestampMs, maxTimestampMs, bodyBytes, totalBytes };
}

function checkTimestamp(timestampMs: number): void {
  if (Number.isSafeInteger(timestampMs) && timestampMs >= -1) return;
  throw new MillraceError('INVALID_TIMESTAMP', `${timestampMs} is not a timestamp in milliseconds`);
}

const tooLarge = (): MillraceError =>
  new MillraceError('MESSAGE_TOO_LARGE', `a batch's records pass ${LIMITS.decompressedBytesMax} bytes`);

function recordBodyBytes(record: NewRecord, timestampDeltaMs: number, offsetDelta: number): number {
  return (
    1 +
    varlongBytes(timestampDeltaMs) +
    varintBytes(offsetDelta) +
    fieldBytes(record.key) +
    fieldBytes(record.value) +
    headersBytes(record.headers)
  );
}

const fieldBytes = (field: Uint8Array | null): number =>
  field === null ? 1 : varintBytes(field.length) + field.length;

function headersBytes(headers: readonly RecordHeader[] | undefined): number {
  if (headers === undefined) return 1;
  let bytes = varintBytes(headers.length);
  for (const header of headers) {
    const nameBytes = utf8Bytes(header.key);
    bytes += varintBytes(nameBytes) + nameBytes + fieldBytes(header.value);
  }
  return bytes;
}

/** Writes the planned records to `out` from `startAt` on and returns the place after them. */
export function writeRecords(
  out: Uint8Array,
  startAt: number,
  records: readonly NewRecord[],
  plan: RecordPlan,
): number {
  let at = startAt;
  let offsetDelta = 0;
  for (const record of records) {
    at = writeVarint(out, at, plan.bodyBytes[offsetDelta] ?? 0);
    out[at] = 0;
    at = writeVarlong(out, at + 1, record.timestampMs - plan.baseTimestampMs);
    at = writeVarint(out, at, offsetDelta);
    at = writeField(out, at, record.key);
    at = writeField(out, at, record.value);
    at = writeHeaders(out, at, record.headers);
    offsetDelta++;
  }
  return at;
}

function writeField(out: Uint8Array, at: number, field: Uint8Array | null): number {
  if (field === null) return writeVarint(out, at, NULL_LENGTH);
  const place = writeVarint(out, at, field.length);
  out.set(field, place);
  return place + field.length;
}

function writeHeaders(out: Uint8Array, at: number, headers: readonly RecordHeader[] | undefined): number {
  if (headers === undefined) return writeVarint(out, at, 0);
  let place = writeVarint(out, at, headers.length);
  for (const header of headers) {
    const nameBytes = utf8Bytes(header.key);
    place = writeVarint(out, place, nameBytes);
    place = writeUtf8(out, place, header.key, nameBytes);
    place = writeField(out, place, header.value);
  }
  return place;
}
