import { createHash } from 'node:crypto';
import { type MessageToProduce, Producer } from '@platformatic/kafka';
import type { StoredRecord } from '../../lib/record/index.ts';
import type { Engine } from '../../ops/bridge/engine.ts';
import type { Kafka } from '../../ops/bridge/kafka.ts';
import { readMillrace } from '../../ops/bridge/millrace-reader.ts';

/** Records as text that can be compared, by partition, in their order. */
export type Content = readonly (readonly string[])[];

const TIME_MS = 1_700_000_000_000;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const ROUNDS = 30;
const ROUND_RECORDS = 1_500;
const PADDING_BYTES = 300;

/**
 * Fills a topic: all codecs, nulls and empty values, names of headers that occur twice, and transactions of one producer
 * of which every other two are aborted. Answers the committed records.
 */
export async function seed(address: string, topic: string, partitionCount: number): Promise<Content> {
  const options = { clientId: 'seed', bootstrapBrokers: [address], retries: 200, retryDelay: 10 };
  const plain = new Producer({ ...options, idempotent: true });
  const transactional = new Producer({ ...options, idempotent: true, transactionalId: `seed-${topic}` });
  const content: string[][] = Array.from({ length: partitionCount }, () => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    const messages = messagesOf(round, { topic, partitionCount });
    const compression = CODECS[round % CODECS.length] ?? 'none';
    if (round % 2 === 0) {
      await plain.send({ messages, compression });
    } else {
      const transaction = await transactional.beginTransaction({ producerId: -1n, producerEpoch: -1 });
      await transaction.send({ messages, compression });
      if (round % 8 < 4) {
        await transaction.abort();
        continue;
      }
      await transaction.commit();
    }
    for (const message of messages) content[message.partition ?? 0]?.push(textOfMessage(message));
  }
  await plain.close();
  await transactional.close();
  return content;
}

function messagesOf(
  round: number,
  { topic, partitionCount }: { topic: string; partitionCount: number },
): MessageToProduce[] {
  return Array.from({ length: ROUND_RECORDS }, (_, i) => {
    const key = i % 5 === 0 ? null : Buffer.from(`key-${i % 11}`);
    const value =
      i % 7 === 0
        ? null
        : Buffer.from(i % 13 === 0 ? '' : `${round}-${i} ${padding(round * ROUND_RECORDS + i)}`);
    const headers = new Map<Buffer, Buffer | null>();
    if (i % 3 === 0) headers.set(Buffer.from('trace'), Buffer.from(`${i}`));
    if (i % 6 === 0) headers.set(Buffer.from('trace'), null).set(Buffer.from('ü'), Buffer.alloc(0));
    return {
      topic,
      partition: i % partitionCount,
      key: key as Buffer,
      value: value as Buffer,
      headers: headers as Map<Buffer, Buffer>,
      timestamp: BigInt(TIME_MS + round * ROUND_RECORDS - i),
    };
  });
}

/** Bytes that do not get smaller by compression, so that there is more than a fetch or two to copy. */
const padding = (seed: number): string =>
  createHash('shake256', { outputLength: PADDING_BYTES }).update(`${seed}`).digest('base64');

const shown = (bytes: Uint8Array | null | undefined): string =>
  bytes === null || bytes === undefined ? 'null' : `'${Buffer.from(bytes).toString('latin1')}'`;

function textOfMessage({ timestamp, key, value, headers }: MessageToProduce): string {
  const listed = [...((headers ?? new Map()) as Map<Buffer, Buffer | null>)].map(
    ([name, of]) => `${name}=${shown(of)}`,
  );
  return `${timestamp} ${shown(key)} ${shown(value)} ${listed.join()}`;
}

const textOf = ({ timestampMs, key, value, headers }: StoredRecord): string =>
  `${timestampMs} ${shown(key)} ${shown(value)} ${headers.map((header) => `${header.key}=${shown(header.value)}`).join()}`;

export async function millraceContent(engine: Engine, topic: string): Promise<Content> {
  const { partitionCount } = await engine.log.describeTopic(topic, engine.newCall());
  return contentOf(partitionCount, (partition, offset) => readMillrace(engine, { topic, partition }, offset));
}

/** What readers of committed records see. */
export async function kafkaContent(kafka: Kafka, topic: string, partitionCount: number): Promise<Content> {
  const ends = await kafka.ends(topic, partitionCount, 'latest');
  return contentOf(partitionCount, async (partition, offset) => {
    if (offset >= (ends[partition] ?? 0)) return { records: [], nextOffset: offset };
    const [read] = await kafka.fetch(topic, [{ partition, offset }]);
    return read ?? { records: [], nextOffset: offset };
  });
}

type Read = (
  partition: number,
  offset: number,
) => Promise<{ readonly records: readonly StoredRecord[]; readonly nextOffset: number }>;

async function contentOf(partitionCount: number, read: Read): Promise<Content> {
  const content: string[][] = [];
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const texts: string[] = [];
    for (let offset = 0; ; ) {
      const { records, nextOffset } = await read(partition, offset);
      texts.push(...records.map(textOf));
      if (nextOffset === offset) break;
      offset = nextOffset;
    }
    content.push(texts);
  }
  return content;
}

/** For a difference that people can read. */
export function firstDifference(found: Content, expected: Content): string | undefined {
  for (const [partition, texts] of expected.entries()) {
    const others = found[partition] ?? [];
    const at = texts.findIndex((text, index) => others[index] !== text);
    if (at >= 0 || others.length !== texts.length) {
      const place = at >= 0 ? at : texts.length;
      return `partition ${partition}, record ${place} of ${texts.length} (${others.length}): ${others[place]} instead of ${texts[place]}`;
    }
  }
  return undefined;
}
