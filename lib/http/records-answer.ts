import { isWithin, type OffsetRange } from '../group/offsets/read-behind.ts';
import { batchesIn } from '../record/batches-in.ts';
import type { Codecs } from '../record/codecs.ts';
import { decodeBatch } from '../record/decode-batch.ts';
import type { StoredRecord } from '../record/record.ts';
import { decodeEmbedded } from './embedded.ts';
import type { EmbeddedFormat } from './media-type.ts';

export interface RecordsAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly format: EmbeddedFormat;
  /** Records below it are skipped: a batch may begin earlier. */
  readonly offset: number;
  readonly batches: readonly Uint8Array[];
  /** Offsets of records that the reader's group has read elsewhere, which are left out. @default none */
  readonly read?: readonly OffsetRange[];
  /** Where to read on if everything in `batches` is answered. */
  readonly nextOffset: number;
  readonly countMax: number;
  /** Of the encoded answer; the first record goes out whatever its size. */
  readonly bytesMax: number;
  /** Whether the first record goes out only if it fits and can be encoded: others stand before it. @default false */
  readonly mayBeEmpty?: boolean;
}

/** Every record of the batches that a consumer may see, one batch decoded at a time. */
function* visibleRecords(codecs: Codecs, answer: RecordsAnswer): Generator<StoredRecord> {
  const { read = [] } = answer;
  for (const stored of answer.batches) {
    for (const { header, bytes } of batchesIn(stored)) {
      if (header.isControl) continue;
      for (const record of decodeBatch(codecs, bytes)) {
        if (record.offset >= answer.offset && !isWithin(read, record.offset)) yield record;
      }
    }
  }
}

/**
 * The records as one JSON array, and where to read on. Keys and values are spliced in as text, so that JSON comes out
 * exactly as it went in. Throws `HttpError` 408 for bytes that are not of the format, unless whole records stand before
 * them: then those are answered, and the next read says what is wrong.
 */
export function encodeRecords(
  codecs: Codecs,
  answer: RecordsAnswer,
): { readonly body: string; readonly nextOffset: number } {
  const { records, nextOffset } = encodeList(codecs, answer);
  return { body: `[${records.join(',')}]`, nextOffset };
}

/** As `encodeRecords`, each record as the text of an object. */
export function encodeList(
  codecs: Codecs,
  answer: RecordsAnswer,
): { readonly records: readonly string[]; readonly nextOffset: number } {
  const prefix = `{"topic":${JSON.stringify(answer.topic)},"partition":${answer.partition},"offset":`;
  const parts: string[] = [];
  let bytes = 2;
  for (const record of visibleRecords(codecs, answer)) {
    const mayStop = parts.length > 0 || answer.mayBeEmpty === true;
    const text = encodeOrStop(answer.format, record, prefix, mayStop);
    const more = text === undefined ? 0 : Buffer.byteLength(text) + 1;
    const full = mayStop && (bytes + more > answer.bytesMax || parts.length >= answer.countMax);
    if (text === undefined || full) return { records: parts, nextOffset: record.offset };
    parts.push(text);
    bytes += more;
  }
  return { records: parts, nextOffset: answer.nextOffset };
}

/** Undefined if the record cannot be encoded and others stand before it. */
function encodeOrStop(
  format: EmbeddedFormat,
  record: StoredRecord,
  prefix: string,
  mayStop: boolean,
): string | undefined {
  try {
    const place = (what: string): string => `The ${what} at offset ${record.offset}`;
    const key = decodeEmbedded(format, record.key, place('key'));
    const value = decodeEmbedded(format, record.value, place('value'));
    const headers = record.headers.map(
      (header) =>
        `{"key":${JSON.stringify(header.key)},"value":${decodeEmbedded('binary', header.value, 'header')}}`,
    );
    return `${prefix}${record.offset},"timestamp":${record.timestampMs},"key":${key},"value":${value},"headers":[${headers.join(',')}]}`;
  } catch (error) {
    if (mayStop) return undefined;
    throw error;
  }
}
