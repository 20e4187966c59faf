/**
 * One record of a batch (KIP-98). All numbers but the attributes are zig-zag varints; a length of -1 is null.
 *
 *     varint   bytes after this field
 *     int8     attributes, unused
 *     varlong  timestamp − the batch's base timestamp, ms
 *     varint   offset − the batch's base offset
 *     varint   key length      key
 *     varint   value length    value
 *     varint   number of headers, each:
 *                varint  name length   name, UTF-8, never null
 *                varint  value length  value
 */
export interface NewRecord {
  /** Milliseconds since 1970; -1 for none. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record as it stands in the log. Keys and values are views of the batch (or of its decompressed records). */
export interface StoredRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** Length, attributes, timestamp delta, offset delta, key length, value length, header count: one byte each. */
export const RECORD_BYTES_MIN = 7;
/** A name's length and a value's length: one byte each. */
export const RECORD_HEADER_BYTES_MIN = 2;
export const NULL_LENGTH = -1;
