import type { PartitionPlace } from '../log.ts';
import type { StoredRecord } from '../record/index.ts';

/** A record on its way to a function, with what it takes there. */
export interface PushRecord extends StoredRecord {
  readonly timestampType: 'create' | 'append';
  /** Of its JSON, at most. */
  readonly callBytes: number;
}

/**
 * A record as Lambda's own event source for self-managed Kafka hands it on
 * (https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html): key and value in base64, absent where Kafka has null;
 * a header's value as a list of signed bytes.
 */
export interface EventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME';
  readonly key?: string;
  readonly value?: string;
  readonly headers: readonly Readonly<Record<string, readonly number[] | null>>[];
}

export interface KafkaEvent {
  readonly eventSource: 'SelfManagedKafka';
  /** There are none; functions that look for it find a text. */
  readonly bootstrapServers: string;
  /** Under `topic-partition`; one partition in every call. */
  readonly records: Readonly<Record<string, readonly EventRecord[]>>;
}

/** Names, numbers and punctuation around a record; topic names come on top. */
const RECORD_BYTES = 180;
/** `-128,` */
const HEADER_BYTE_BYTES = 5;

export function kafkaEvent(place: PartitionPlace, records: readonly PushRecord[]): KafkaEvent {
  return {
    eventSource: 'SelfManagedKafka',
    bootstrapServers: 'millrace:0',
    records: { [`${place.topic}-${place.partition}`]: records.map((record) => eventRecord(place, record)) },
  };
}

export function eventRecord({ topic, partition }: PartitionPlace, record: PushRecord): EventRecord {
  const { offset, timestampMs, timestampType, key, value, headers } = record;
  return {
    topic,
    partition,
    offset,
    timestamp: timestampMs,
    timestampType: timestampType === 'append' ? 'LOG_APPEND_TIME' : 'CREATE_TIME',
    ...(key === null ? {} : { key: base64(key) }),
    ...(value === null ? {} : { value: base64(value) }),
    headers: headers.map((header) => ({
      [header.key]: header.value === null ? null : [...Int8Array.from(header.value)],
    })),
  };
}

/** At least what the record takes in the JSON of an event. */
export function callBytesOf(topic: string, { key, value, headers }: StoredRecord): number {
  let bytes = RECORD_BYTES + topic.length + base64Bytes(key) + base64Bytes(value);
  for (const header of headers) {
    // A character that JSON escapes takes six, and at least one byte.
    bytes += 10 + header.key.length * 6 + (header.value?.length ?? 0) * HEADER_BYTE_BYTES;
  }
  return bytes;
}

/**
 * How many records, of those from `from` on, go into one call: at least one, and then as many as both bounds let in.
 */
export function countForCall(
  records: readonly PushRecord[],
  { batchSize, batchBytes }: { readonly batchSize: number; readonly batchBytes: number },
): number {
  let bytes = 0;
  let count = 0;
  for (const record of records) {
    bytes += record.callBytes;
    if (count === batchSize || (count > 0 && bytes > batchBytes)) break;
    count += 1;
  }
  return count;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function base64Bytes(bytes: Uint8Array | null): number {
  return bytes === null ? 0 : Math.ceil(bytes.length / 3) * 4;
}
