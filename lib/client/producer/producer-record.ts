import { MillraceError } from '../../errors.ts';
import type { NewRecord, RecordHeader } from '../../record/record.ts';

/** Text is stored as UTF-8. Bytes are not copied: leave them alone until the record is sent. */
export type Content = string | Uint8Array;

export interface ProducerRecord {
  readonly topic: string;
  /** Records with the same key go to the same partition. @default none */
  readonly key?: Content | null;
  /** `null` is a tombstone: in a compacted topic it removes its key. */
  readonly value: Content | null;
  /** By name, or as a list where their order or a name that occurs twice matters. */
  readonly headers?:
    | Readonly<Record<string, Content | null>>
    | readonly { readonly key: string; readonly value: Content | null }[];
  /** Milliseconds since 1970. @default now */
  readonly timestampMs?: number;
  /** @default by the key as Kafka's clients do (murmur2); without a key the producer sticks to one for a while */
  readonly partition?: number;
}

/** What is wrong with something that is no record at all: INVALID_TOPIC_EXCEPTION. */
export function topicProblem(record: ProducerRecord | undefined): MillraceError | undefined {
  if (typeof record?.topic === 'string') return undefined;
  return new MillraceError('INVALID_TOPIC_EXCEPTION', 'A record is an object with the name of a topic');
}

/** INVALID_RECORD with what is wrong. */
export function toNewRecord(record: ProducerRecord, nowMs: number): NewRecord {
  const { key, value, headers, timestampMs = nowMs } = record;
  return {
    timestampMs,
    key: bytesOf(key ?? null, 'the key'),
    value: bytesOf(value, 'the value'),
    headers: headers === undefined ? [] : headersOf(headers),
  };
}

function headersOf(headers: NonNullable<ProducerRecord['headers']>): RecordHeader[] {
  const listed = isList(headers)
    ? headers
    : Object.entries(headers ?? {}).map(([key, value]) => ({ key, value }));
  return listed.map((header) => {
    if (typeof header?.key !== 'string' || !header.key.isWellFormed()) {
      throw new MillraceError('INVALID_RECORD', 'a header of the record has no key of well-formed Unicode');
    }
    return { key: header.key, value: bytesOf(header.value, `header '${header.key}'`) };
  });
}

function isList(
  headers: NonNullable<ProducerRecord['headers']>,
): headers is readonly { readonly key: string; readonly value: Content | null }[] {
  return Array.isArray(headers);
}

function bytesOf(content: Content | null, place: string): Uint8Array | null {
  if (content === null || content instanceof Uint8Array) return content;
  if (typeof content !== 'string') {
    const hint = 'it must be a string, bytes or null (JSON.stringify makes a string of an object)';
    throw new MillraceError('INVALID_RECORD', `${place} of the record is ${typeof content}: ${hint}`);
  }
  // An unpaired surrogate has no UTF-8 form; it would come back as another string.
  if (!content.isWellFormed()) {
    throw new MillraceError('INVALID_RECORD', `${place} of the record is not well-formed Unicode`);
  }
  return Buffer.from(content);
}
