import { Consumer, type MessageToProduce, Producer } from '@platformatic/kafka';
import type { StoredRecord } from '../../lib/record/index.ts';
import { chunksOf } from './chunks.ts';
import type { Kafka, KafkaOptions } from './kafka.ts';

type Transaction = Awaited<ReturnType<Producer['beginTransaction']>>;

/** Records of one partition, and the offset in Millrace at which the next transaction goes on. */
export interface Portion {
  readonly partition: number;
  readonly records: readonly StoredRecord[];
  readonly next: number;
}

/** Writes to one topic. Records and the positions behind them are committed in one transaction of Kafka. */
export interface TransactionalWriter {
  /** The positions committed last; undefined for a partition that has none. */
  readonly positions: readonly (number | undefined)[];
  /** Throws whatever goes wrong; then nothing of it is committed unless the answer was lost, and the writer is of no use any more. */
  write(portions: readonly Portion[]): Promise<void>;
  close(): Promise<void>;
}

export interface WriterOptions {
  readonly topic: string;
  readonly partitionCount: number;
  /** Names the transactions and the group that holds the positions. */
  readonly name: string;
}

/** Lets the coordinator fence by the transactional id alone (KIP-360: no expected producer id or epoch). */
const NEWCOMER = { producerId: -1n, producerEpoch: -1 } as const;
const REQUEST_MS = 30_000;
/** The coordinator asks to be asked again while the transaction before is being completed. */
const RETRIES = 500;
const RETRY_DELAY_MS = 20;

/**
 * ⚑ The producer is fenced in first, the positions are read afterwards: whoever wrote under this name before can commit
 * nothing any more, and what it had begun is aborted or complete.
 */
export async function openWriter(
  kafka: Kafka,
  client: KafkaOptions,
  { topic, partitionCount, name }: WriterOptions,
): Promise<TransactionalWriter> {
  const retries = { timeout: REQUEST_MS, retries: RETRIES, retryDelay: RETRY_DELAY_MS };
  const producer = new Producer({ ...retries, ...client, idempotent: true, transactionalId: name });
  const group = new Consumer({ ...retries, ...client, groupId: name });
  const close = async (): Promise<void> => {
    await Promise.allSettled([producer.close(true), group.close(true)]);
  };
  try {
    let waiting: Transaction | undefined = await producer.beginTransaction({ ...NEWCOMER });
    const member = { coordinatorId: await group.findGroupCoordinator(), groupId: name, ...NO_MEMBER };
    const positions = await committedPositions(kafka, name, { topic, partitionCount });
    return {
      positions,
      write: async (portions) => {
        const transaction = waiting ?? (await producer.beginTransaction({ ...NEWCOMER }));
        waiting = undefined;
        for (const { partition, records } of portions) {
          for (const chunk of chunksOf(records)) {
            const messages = chunk.map((record) => messageOf(record, { topic, partition }));
            await transaction.send({ messages, compression: 'zstd' });
          }
        }
        await transaction.addConsumer(group);
        for (const { partition, next } of portions) {
          await transaction.addOffset(positionMessage({ topic, partition, next, member }));
        }
        await transaction.commit();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A group without members: offsets are committed from outside. */
const NO_MEMBER = { generationId: -1, memberId: '' } as const;

async function committedPositions(
  { admin }: Kafka,
  groupId: string,
  { topic, partitionCount }: { readonly topic: string; readonly partitionCount: number },
): Promise<readonly (number | undefined)[]> {
  const partitionIndexes = Array.from({ length: partitionCount }, (_, partition) => partition);
  const groups = [{ groupId, topics: [{ name: topic, partitionIndexes }] }];
  const listed = await admin.listConsumerGroupOffsets({ groups, requireStable: true });
  const positions = Array<number | undefined>(partitionCount).fill(undefined);
  for (const { partitionIndex, committedOffset } of listed[0]?.topics[0]?.partitions ?? []) {
    if (committedOffset >= 0n) positions[partitionIndex] = Number(committedOffset);
  }
  return positions;
}

/**
 * Keys that are equal texts stay several headers: the client tells the keys of its map apart by identity. Its types know
 * nothing of null, which it writes as Kafka does.
 */
function messageOf(
  { key, value, headers, timestampMs }: StoredRecord,
  place: { readonly topic: string; readonly partition: number },
): MessageToProduce {
  return {
    ...place,
    key: bytesOf(key) as Buffer,
    value: bytesOf(value) as Buffer,
    timestamp: BigInt(timestampMs),
    headers: new Map(headers.map((header) => [Buffer.from(header.key), bytesOf(header.value) as Buffer])),
  };
}

const bytesOf = (bytes: Uint8Array | null): Buffer | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The client commits the offset behind a message; this one lies just before the position. */
function positionMessage({
  topic,
  partition,
  next,
  member,
}: {
  readonly topic: string;
  readonly partition: number;
  readonly next: number;
  readonly member: object;
}): Parameters<Transaction['addOffset']>[0] {
  const message = { topic, partition, offset: BigInt(next) - 1n, metadata: { consumer: member } };
  return message as unknown as Parameters<Transaction['addOffset']>[0];
}
