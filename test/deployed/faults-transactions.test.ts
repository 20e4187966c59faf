import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  dynamoClient,
  dynamoTables,
  dynamoTransactions,
  TransactionCancelledError,
} from '../../lib/adapters/dynamodb/index.ts';
import { memoryBucket } from '../../lib/adapters/memory/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import { type ClientParts, clientParts } from '../../lib/client/client-parts.ts';
import { createConsumer } from '../../lib/client/consumer/consumer.ts';
import { createOutbox, type Outbox } from '../../lib/client/outbox.ts';
import { createProducer } from '../../lib/client/producer/producer.ts';
import { retryingTransactions } from '../../lib/client/transactions.ts';
import type { Log } from '../../lib/log.ts';
import { openGroups } from '../../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../../lib/open-log.ts';
import { Meter } from '../../lib/storage/meter.ts';
import { addOne, type Business, createBusiness, putNew } from '../support/business-on-dynamodb.ts';
import { batchOf, codecs, newCall, textOf } from '../support/log-on-memory.ts';
import { createTables, type EmulatedTables, emulatorConnection } from '../tools/aws-storage.ts';
import { type DynamodbLocal, startDynamodbLocal } from '../tools/dynamodb-local.ts';
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from '../tools/faulty-proxy.ts';

const PROCESSES = 4;
const ORDERS = 40;
const LETTERS = 40;
const SEED = 20_261_123;

const clock = systemClock();
const random = systemRandom();

let server: DynamodbLocal;
let direct: EmulatedTables;
let business: Business;
let proxy: FaultyProxy;

beforeAll(async () => {
  server = await startDynamodbLocal();
  direct = await createTables(server.endpoint);
  business = await createBusiness(direct.client);
  proxy = await startFaultyProxy(server.endpoint, faultsFrom(SEED));
});

afterAll(async () => {
  await proxy?.stop();
  direct?.close();
  await server?.stop();
});

/** About every third request is harmed. */
function faultsFrom(seed: number): () => ProxyFault {
  const faults: readonly ProxyFault[] = [
    'throttle',
    'error before',
    'error after',
    'reset before',
    'reset after',
    'silence after',
    { delayMs: 20 },
  ];
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return faults[Math.floor((state / 2 ** 32) * faults.length * 3)] ?? 'none';
  };
}

async function openDirectly(): Promise<Log> {
  const { hot, catalog } = direct;
  const storage = { hot, catalog, bucket: memoryBucket({ clock }), clock, random, codecs };
  return openLog(storage, newCall(clock));
}

/** A process that reaches DynamoDB through the proxy only. */
async function openBehindFaults(): Promise<ClientParts> {
  const client = dynamoClient(emulatorConnection(proxy.endpoint));
  const { hotTable, catalogTable } = direct;
  const names = { client, clock, hotTable, catalogTable };
  const tables = dynamoTables({ ...names, writeMsMax: 400, readMsMax: 400 });
  const storage: LogOptions = { ...tables, bucket: memoryBucket({ clock }), clock, random, codecs };
  const log = await openLog(storage, newCall(clock, { ms: 60_000 }));
  return clientParts({
    log,
    groups: openGroups(engineParts(storage), log),
    codecs,
    clock,
    random,
    meter: new Meter(),
    transactions: retryingTransactions(dynamoTransactions({ ...names, transactionMsMax: 400 }), storage),
  });
}

async function openOutbox(): Promise<Outbox> {
  const parts = await openBehindFaults();
  return createOutbox(parts, createProducer(parts));
}

describe('outboxes behind throttles, errors, resets and silence', () => {
  it('store every order with its event once, although two processes place each of them', async () => {
    const log = await openDirectly();
    await log.createTopic({ name: 'orders' }, newCall(clock));
    const outboxes = await Promise.all(Array.from({ length: PROCESSES }, openOutbox));
    const orders = Array.from({ length: ORDERS }, (_, n) => `order ${n}`);
    const ends = { stored: 0, cancelled: 0 };

    const place = async (outbox: Outbox, id: string): Promise<void> => {
      const records = [{ topic: 'orders', value: id }];
      const items = [putNew(business.table, id), addOne(business.table, `times ${id}`)];
      try {
        await outbox.send({ records, items }, { timeoutMs: 120_000 });
        ends.stored += 1;
      } catch (error) {
        if (!(error instanceof TransactionCancelledError)) throw error;
        ends.cancelled += 1;
      }
    };
    const halves = [orders.slice(0, ORDERS / 2), orders.slice(ORDERS / 2)];
    await Promise.all(
      outboxes.map(async (outbox, process) => {
        // Two processes have the same half, and go through it in opposite directions.
        const half = halves[process >> 1] ?? [];
        for (const id of process % 2 === 0 ? half : half.toReversed()) await place(outbox, id);
      }),
    );

    const { batches } = await log.fetch({ topic: 'orders', partition: 0, offset: 0 }, newCall(clock));
    const events = textOf(batches).map((text) => text.slice(text.indexOf(':') + 1));
    expect(events.sort()).toEqual([...orders].sort());
    const counts = await business.counts();
    for (const id of orders) expect([counts.get(id), counts.get(`times ${id}`)]).toEqual([0, 1]);
    // Each was stored by one and refused to the other, and both were told which.
    expect(ends).toEqual({ stored: ORDERS, cancelled: ORDERS });
  });
});

describe('inboxes behind the same', () => {
  it('apply every record once, although two of them share the work', async () => {
    const log = await openDirectly();
    await log.createTopic({ name: 'letters', partitionCount: 2 }, newCall(clock));
    const letters = Array.from({ length: LETTERS }, (_, n) => `letter ${n}`);
    for (const [n, letter] of letters.entries()) {
      const place = { topic: 'letters', partition: n % 2 };
      await log.produce({ ...place, batches: batchOf(letter) }, newCall(clock));
    }

    const over = new AbortController();
    const run = async (): Promise<void> => {
      const consumer = createConsumer(await openBehindFaults(), {
        groupId: 'readers',
        topics: ['letters'],
        autoOffsetReset: 'earliest',
        autoCommit: false,
        sessionTimeoutMs: 10_000,
        fetchWaitMs: 200,
        signal: over.signal,
      });
      const inbox = consumer.inbox();
      for await (const record of consumer) {
        await inbox.store(record, [addOne(business.table, String(record.value))]);
        if ((await countedLetters(letters)) >= LETTERS) over.abort();
      }
    };
    await Promise.all([run(), run()]);
    const counts = await business.counts();
    expect(letters.map((letter) => [letter, counts.get(letter)])).toEqual(
      letters.map((letter) => [letter, 1]),
    );
  });
});

async function countedLetters(letters: readonly string[]): Promise<number> {
  const counts = await business.counts();
  return letters.reduce((sum, letter) => sum + (counts.get(letter) ?? 0), 0);
}

describe('all of them', () => {
  it('had every kind of harm done to them', () => {
    expect(Object.keys(proxy.counts).sort()).toEqual([
      'delay',
      'error after',
      'error before',
      'none',
      'reset after',
      'reset before',
      'silence after',
      'throttle',
    ]);
  });
});
