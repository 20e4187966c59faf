import { partitionForKey } from '../lib/topic/partitioner.ts';
import type { Client } from './client.ts';
import type { TrafficCounter } from './traffic.ts';
import type { DemoRecord, Way } from './ways.ts';

export interface Sending {
  readonly client: Client;
  readonly topic: string;
  readonly partitionCount: number;
  readonly recordsPerRequest: number;
  readonly way: Way;
  readonly counter: TrafficCounter;
  /** Told of every record before it is sent. */
  readonly ledger: { add(partition: number, record: DemoRecord): void };
  readonly onStored: (recordCount: number) => void;
}

/** Requests that may wait in one partition's line before the source is held back. */
const LINE_MAX = 8;

/**
 * One line per partition: requests of several partitions are in flight at once, those of one follow each other, so that
 * the records of a key are stored in the order they were sent in. Keys go where the Java client would put them.
 * Answers a line for every offset that was acknowledged out of turn. Throws what a request ended with.
 */
export async function sendAll(
  source: AsyncIterable<readonly DemoRecord[]>,
  sending: Sending,
): Promise<string[]> {
  const failed = new AbortController();
  const lines = Array.from({ length: sending.partitionCount }, (_, partition) =>
    createLine(sending, partition, failed),
  );
  const partitions = new Map<string, number>();
  const placeOf = (key: string): number => {
    let partition = partitions.get(key);
    if (partition === undefined) {
      partition = partitionForKey(Buffer.from(key), sending.partitionCount);
      partitions.set(key, partition);
    }
    return partition;
  };
  for await (const records of source) {
    for (const record of records) {
      const partition = placeOf(record.key);
      sending.ledger.add(partition, record);
      const room = lines[partition]?.put(record);
      if (room !== undefined) await room;
      failed.signal.throwIfAborted();
    }
  }
  return (await Promise.all(lines.map((line) => line.end()))).flat();
}

interface Line {
  /** A promise if the source should wait before it puts more. */
  put(record: DemoRecord): Promise<void> | undefined;
  /** Resolves once everything is stored; rejects with what went wrong in any line. */
  end(): Promise<string[]>;
}

function createLine(sending: Sending, partition: number, failed: AbortController): Line {
  const { client, topic, way, counter, recordsPerRequest } = sending;
  let filling: DemoRecord[] = [];
  let requestNumber = 0;
  let storedCount = 0;
  const problems: string[] = [];
  const waiting: Promise<void>[] = [];
  let last: Promise<void> = Promise.resolve();

  const produce = async (records: readonly DemoRecord[], number: number): Promise<void> => {
    if (failed.signal.aborted) return;
    const request = {
      mediaType: way.mediaType,
      body: way.encode(records),
      idempotencyKey: `${topic}-${partition}-${number}`,
    };
    const offset = await client.produce({ topic, partition }, request, counter);
    if (offset !== storedCount) {
      problems.push(`partition ${partition}: offset ${offset} acknowledged where ${storedCount} was to come`);
    }
    storedCount = offset + records.length;
    sending.onStored(records.length);
  };
  const flush = (): void => {
    const records = filling;
    const number = requestNumber;
    filling = [];
    requestNumber += 1;
    // The first failure ends all lines: nothing may be stored behind a gap.
    last = last.then(() => produce(records, number)).catch((error: unknown) => failed.abort(error));
    waiting.push(last);
  };
  return {
    put: (record) => {
      filling.push(record);
      if (filling.length < recordsPerRequest) return undefined;
      flush();
      return waiting.length > LINE_MAX ? waiting.shift() : undefined;
    },
    end: async () => {
      if (filling.length > 0) flush();
      await last;
      failed.signal.throwIfAborted();
      return problems;
    },
  };
}
