import { createHash } from 'node:crypto';
import { MillraceError } from '../../errors.ts';
import type { TopicDescription } from '../../log.ts';
import { encodeBatch } from '../../record/encode-batch.ts';
import type { NewRecord } from '../../record/record.ts';
import type { ClientParts } from '../client-parts.ts';
import { compressionFor } from './batch-bytes.ts';
import { createPartitioning, type Partitioning } from './partitioning.ts';
import type { Producer, ProducerSettings } from './producer.ts';
import { type ProducerRecord, toNewRecord } from './producer-record.ts';

/** Records in a chunk of their own, stored by the caller's means. */
export function createSendWithin(parts: ClientParts, settings: ProducerSettings): Producer['sendWithin'] {
  const { log, clock, codecs } = parts;
  const partitionOf = createPartitioning(parts, settings);
  return async (records, store, { idempotencyKey, ...options } = {}) => {
    const call = parts.newCall(options);
    const topic = await log.resolveTopic(topicOf(records), call);
    const nowMs = clock.wallMs();
    const stored = records.map((record) => toNewRecord(record, nowMs));
    const partition = commonPartition(partitionOf, topic, { records, stored });
    const compression = compressionFor(topic, settings.compression);
    const request = {
      topic: topic.name,
      partition,
      batches: encodeBatch(codecs, stored, { compression }),
      storeWithin: store,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey, fingerprint: fingerprintOf(records) }),
    };
    const { baseOffset, logAppendTimeMs, duplicate } = await log.produce(request, call);
    return stored.map(({ timestampMs }, index) => ({
      topic: topic.name,
      partition,
      offset: baseOffset + index,
      timestampMs: logAppendTimeMs === -1 ? timestampMs : logAppendTimeMs,
      duplicate,
    }));
  };
}

function topicOf(records: readonly ProducerRecord[]): string {
  const [first] = records;
  if (first === undefined) throw new MillraceError('INVALID_RECORD', 'There is no record to send');
  if (records.every(({ topic }) => topic === first.topic)) return first.topic;
  throw new MillraceError('INVALID_REQUEST', 'Records that are stored together must be of one topic');
}

function commonPartition(
  partitionOf: Partitioning,
  topic: TopicDescription,
  { records, stored }: { records: readonly ProducerRecord[]; stored: readonly NewRecord[] },
): number {
  const choices = new Set<number>();
  let keyless: number | undefined;
  for (const [index, record] of records.entries()) {
    const bytes = stored[index] as NewRecord;
    const isFree = record.partition === undefined && bytes.key === null;
    if (!isFree) choices.add(partitionOf(topic, record, bytes));
    else keyless ??= partitionOf(topic, record, bytes);
  }
  const [chosen, other] = choices;
  if (other !== undefined) {
    const message = `Records that are stored together must go to one partition; their keys lead to ${[...choices].join(', ')}`;
    throw new MillraceError('INVALID_REQUEST', message);
  }
  return chosen ?? keyless ?? 0;
}

/** Of the records as the caller gave them: a repeated call stamps them anew, and means the same. */
function fingerprintOf(records: readonly ProducerRecord[]): string {
  const hash = createHash('sha256');
  for (const { key = null, value, headers = [], timestampMs = null, partition = null } of records) {
    const plain = toNewRecord({ topic: '', key, value, headers }, timestampMs ?? -1);
    const named = plain.headers?.map((header) => [header.key, base64Of(header.value)]);
    hash.update(JSON.stringify([base64Of(plain.key), base64Of(plain.value), named, timestampMs, partition]));
  }
  return hash.digest('base64url').slice(0, 22);
}

const base64Of = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString('base64');
