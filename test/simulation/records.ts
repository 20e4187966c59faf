import type { Codecs } from '../../lib/record/index.ts';
import {
  decodeBatch,
  type EncodeOptions,
  encodeBatch,
  type NewRecord,
  type StoredRecord,
} from '../../lib/record/index.ts';

/** How the text of a tombstone begins. */
export const TOMBSTONE = '†';
const TEXT_HEADER = 'text';

/** One record as a client thinks of it. Every text in a run is unique, so it says which record this is. */
export interface TextRecord {
  readonly offset: number;
  readonly key: string | null;
  /** Its value, or, of a tombstone, what its header says. */
  readonly text: string;
  readonly timestampMs: number;
}

/** A record whose text begins with `TOMBSTONE` has no value and carries its text in a header. */
export function newRecord(key: string | null, text: string, timestampMs: number): NewRecord {
  const encode = (value: string): Uint8Array => new TextEncoder().encode(value);
  const isTombstone = text.startsWith(TOMBSTONE);
  return {
    key: key === null ? null : encode(key),
    value: isTombstone ? null : encode(text),
    headers: isTombstone ? [{ key: TEXT_HEADER, value: encode(text) }] : [],
    timestampMs,
  };
}

/** Batches of at most `recordsPerBatch` records. */
export function encodeRecords(
  codecs: Codecs,
  records: readonly NewRecord[],
  recordsPerBatch: number,
): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < records.length; at += recordsPerBatch) {
    parts.push(encodeBatch(codecs, records.slice(at, at + recordsPerBatch), { compression: 'none' }));
  }
  return Buffer.concat(parts);
}

/** All records as one batch of an idempotent producer. */
export function encodeProduced(
  codecs: Codecs,
  records: readonly NewRecord[],
  producer: NonNullable<EncodeOptions['producer']>,
): Uint8Array {
  return encodeBatch(codecs, records, { compression: 'none', producer });
}

/** The records of one batch, at the offsets that stand in it. */
export function decodeRecords(codecs: Codecs, batch: Uint8Array): TextRecord[] {
  return decodeBatch(codecs, batch).map((record) => ({
    offset: record.offset,
    key: record.key === null ? null : decode(record.key),
    text: textOf(record),
    timestampMs: record.timestampMs,
  }));
}

function textOf({ value, headers }: StoredRecord): string {
  if (value !== null) return decode(value);
  const header = headers.find(({ key }) => key === TEXT_HEADER)?.value;
  return header === undefined || header === null ? '' : decode(header);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
