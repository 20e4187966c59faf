import type { Client } from './client.ts';
import { openFlights } from './flights.ts';
import { createLedger, differences, type Ledger } from './ledger.ts';
import { startProgress } from './progress.ts';
import { readAll } from './read-back.ts';
import { sendAll } from './send.ts';
import { createTraffic, type Traffic } from './traffic.ts';
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

export interface Direction {
  readonly traffic: Traffic;
  readonly seconds: number;
}

export async function runPass(
  client: Client,
  options: {
    readonly wayName: WayName;
    readonly way: Way;
    readonly recordCount: number;
    readonly recordsPerRequest: number;
  },
): Promise<Pass> {
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

  const produced = await direction(`${wayName} in `, total, (counter, onStored) =>
    sendAll(startingWith(first, flights.rows), {
      ...common,
      recordsPerRequest,
      counter,
      ledger: sent,
      onStored,
    }),
  );
  const fetched = await direction(`${wayName} out`, total, (counter, onRead) =>
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
async function* startingWith<T>(
  first: IteratorResult<T, unknown>,
  rest: AsyncGenerator<T>,
): AsyncGenerator<T> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

async function direction(
  label: string,
  total: number,
  run: (
    counter: ReturnType<typeof createTraffic>,
    onRecords: (count: number) => void,
  ) => Promise<readonly string[]>,
): Promise<Direction & { readonly problems: readonly string[] }> {
  const counter = createTraffic();
  const progress = startProgress(process.stdout, { label, total });
  const startedMs = performance.now();
  try {
    const problems = await run(counter, progress.add);
    return { traffic: counter.traffic, seconds: (performance.now() - startedMs) / 1_000, problems };
  } finally {
    progress.end();
  }
}
