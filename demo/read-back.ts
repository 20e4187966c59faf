import type { Client } from './client.ts';
import type { TrafficCounter } from './traffic.ts';
import type { ReadRecord, Way } from './ways.ts';

export interface Reading {
  readonly client: Client;
  readonly topic: string;
  readonly partitionCount: number;
  readonly way: Way;
  readonly counter: TrafficCounter;
  /** Told of every record that was read. */
  readonly ledger: { add(partition: number, record: ReadRecord): void };
  /** Told of the offsets that were passed: as many as records, unless there are gaps. */
  readonly onRead: (offsetCount: number) => void;
  /** Whether offsets may be missing, as compaction leaves them. @default false */
  readonly mayHaveGaps?: boolean;
}

const ANSWER_BYTES = 2_000_000;

/**
 * One reader per partition, from offset 0 to the end that the API states. Answers a line for every partition whose
 * offsets do not follow each other; with gaps, where they do not ascend.
 */
export async function readAll(reading: Reading): Promise<string[]> {
  const partitions = Array.from({ length: reading.partitionCount }, (_, partition) => partition);
  const problems = await Promise.all(partitions.map((partition) => readPartition(reading, partition)));
  return problems.flat();
}

async function readPartition(reading: Reading, partition: number): Promise<string[]> {
  const { client, topic, way, counter, ledger, mayHaveGaps = false } = reading;
  const isNext = (offset: number, expected: number): boolean =>
    mayHaveGaps ? offset >= expected : offset === expected;
  const end = await client.endOffset(topic, partition);
  let offset = 0;
  while (offset < end) {
    const place = { topic, partition, offset, bytesMax: ANSWER_BYTES };
    const { body, nextOffset } = await client.fetch(place, way.mediaType, counter);
    let next = offset;
    for (const record of way.decode(body, offset)) {
      if (!isNext(record.offset, next)) {
        return [`partition ${partition}: offset ${record.offset} where ${next} was to come`];
      }
      ledger.add(partition, record);
      next = record.offset + 1;
    }
    if (!isNext(nextOffset, next) || nextOffset === offset) {
      return [
        `partition ${partition}: an answer held offsets ${offset} to ${next}, X-Next-Offset says ${nextOffset}`,
      ];
    }
    reading.onRead(nextOffset - offset);
    offset = nextOffset;
  }
  return [];
}
