import type { Client } from './client.ts';
import { type Direction, direction } from './direction.ts';
import { openFlights } from './flights.ts';
import { createLedger, differences, type Ledger } from './ledger.ts';
import { readAll } from './read-back.ts';
import { sendAll } from './send.ts';
import type { Way, WayName } from './ways.ts';

export const PARTITION_COUNT = 6;

/** The whole way of the records once: into a new topic and back. */
export interface Pass {
  readonly way: WayName;
  readonly topic: string;
  readonly sent: Ledger;
  readonly read: Ledger;
  readonly produce: Direction;
  readonly fetch: Direction;
  /** Empty: the topic holds what was sent to it, every key in its order. */
  readonly problems: readonly string[];
}

export interface PassOptions {
  readonly wayName: WayName;
  readonly way: Way;
  readonly recordCount: number;
  readonly recordsPerRequest: number;
}

export async function runPass(client: Client, options: PassOptions): Promise<Pass> {
  const { wayName, way, recordsPerRequest } = options;
  const topic = await client.createTopic(
    wayName === 'json' ? 'flights' : `flights-${wayName}`,
    PARTITION_COUNT,
  );
  const common = { client, topic, partitionCount: PARTITION_COUNT, way };
  const flights = await openFlights(options.recordCount);
  const first = await flights.rows.next();
  const sent = createLedger(PARTITION_COUNT);
  const read = createLedger(PARTITION_COUNT);
  const total = flights.count;

  const produced = await direction({ label: `${wayName} in `, total }, (counter, onStored) =>
    sendAll(startingWith(first, flights.rows), {
      ...common,
      recordsPerRequest,
      counter,
      ledger: sent,
      onStored,
    }),
  );
  const fetched = await direction({ label: `${wayName} out`, total }, (counter, onRead) =>
    readAll({ ...common, counter, ledger: read, onRead }),
  );
  return {
    way: wayName,
    topic,
    sent,
    read,
    produce: produced,
    fetch: fetched,
    problems: [...produced.problems, ...fetched.problems, ...differences({ sent, read })],
  };
}

/** The clock of sending starts when the first rows are unpacked. */
export async function* startingWith<T>(
  first: IteratorResult<T, unknown>,
  rest: AsyncGenerator<T>,
): AsyncGenerator<T> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
