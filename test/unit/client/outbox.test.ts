import { describe, expect, it } from 'vitest';
import { TransactionCancelledError } from '../../../lib/adapters/dynamodb/index.ts';
import { type ClientParts, clientParts } from '../../../lib/client/client-parts.ts';
import { createOutbox, type Outbox } from '../../../lib/client/outbox.ts';
import { createProducer } from '../../../lib/client/producer/producer.ts';
import { retryingTransactions } from '../../../lib/client/transactions.ts';
import type { Log } from '../../../lib/log.ts';
import { type LogOptions, openLog } from '../../../lib/open-log.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { type CrashMoment, crashingProcess } from '../../support/crashing-ports.ts';
import { codecs, memoryStorage, newCall, refusal, textOf } from '../../support/log-on-memory.ts';
import { addOne, type Business, memoryTransactions, putNew } from '../../support/memory-transactions.ts';

interface Scene {
  readonly storage: LogOptions;
  readonly business: Business;
  readonly transactions: ReturnType<typeof memoryTransactions>;
}

async function newScene(): Promise<Scene & { readonly log: Log }> {
  const storage = memoryStorage();
  const business: Business = new Map();
  const transactions = memoryTransactions({ ...storage, business });
  const log = await openLog(storage, newCall(storage.clock));
  await log.createTopic({ name: 'orders', partitionCount: 3 }, newCall(storage.clock));
  return { storage, business, transactions, log };
}

/** A process of its own. */
async function openOutbox({
  storage,
  transactions,
}: Pick<Scene, 'storage' | 'transactions'>): Promise<Outbox> {
  const { clock, random } = storage;
  const log = await openLog(storage, newCall(clock));
  const parts: ClientParts = clientParts({
    log,
    groups: {} as ClientParts['groups'],
    codecs,
    clock,
    random,
    meter: new Meter(),
    transactions: retryingTransactions(transactions, storage),
  });
  return createOutbox(parts, createProducer(parts));
}

const ORDER = {
  records: [
    { topic: 'orders', key: 'o1', value: 'o1 placed' },
    { topic: 'orders', key: 'o1', value: 'o1 reserved' },
  ],
  items: [putNew('orders', 'o1'), addOne('stock', 'lamp')],
};

/** Every event of the topic, without offsets, over all partitions. */
async function eventsOf(log: Log, storage: LogOptions): Promise<string[]> {
  const events: string[] = [];
  for (let partition = 0; partition < 3; partition += 1) {
    const request = { topic: 'orders', partition, offset: 0 };
    const { batches } = await log.fetch(request, newCall(storage.clock));
    events.push(...textOf(batches).map((text) => text.slice(text.indexOf(':') + 1)));
  }
  return events;
}

describe('an outbox', () => {
  it('stores the records and the items together', async () => {
    const scene = await newScene();
    const outbox = await openOutbox(scene);
    const stored = await outbox.send(ORDER);
    expect(stored.map(({ offset }) => offset)).toEqual([0, 1]);
    expect(await eventsOf(scene.log, scene.storage)).toEqual(['o1 placed', 'o1 reserved']);
    expect([...scene.business]).toEqual([
      ['orders/o1', 1],
      ['stock/lamp', 1],
    ]);
  });

  it('stores nothing if the items refuse, and says why', async () => {
    const scene = await newScene();
    const outbox = await openOutbox(scene);
    await outbox.send(ORDER);
    const again = await outbox.send(ORDER).catch((error: unknown) => error);
    expect(again).toBeInstanceOf(TransactionCancelledError);
    expect(again).toMatchObject({ reasons: [{ code: 'ConditionalCheckFailed' }, undefined] });
    expect(await eventsOf(scene.log, scene.storage)).toHaveLength(2);
    expect(scene.business.get('stock/lamp')).toBe(1);
  });

  it('goes on at the next place after one that refused', async () => {
    const scene = await newScene();
    const outbox = await openOutbox(scene);
    await outbox.send(ORDER);
    await outbox.send(ORDER).catch(() => undefined);
    const next = { ...ORDER, items: [putNew('orders', 'o2')] };
    const [first] = await outbox.send(next);
    expect(first?.offset).toBe(2);
  });

  it('finds its place among other processes that write there', async () => {
    const scene = await newScene();
    const outboxes = await Promise.all([openOutbox(scene), openOutbox(scene), openOutbox(scene)]);
    const orders = Array.from({ length: 30 }, (_, n) => `o${n}`);
    await Promise.all(
      orders.map((id, n) =>
        outboxes[n % 3]?.send({
          records: [{ topic: 'orders', partition: 0, key: id, value: id }],
          items: [putNew('orders', id), addOne('stock', 'lamp')],
        }),
      ),
    );
    expect((await eventsOf(scene.log, scene.storage)).sort()).toEqual([...orders].sort());
    expect(scene.business.get('stock/lamp')).toBe(30);
  });

  it('stores a request with a key once, however often it is sent', async () => {
    const scene = await newScene();
    const message = { ...ORDER, items: [addOne('stock', 'lamp')] };
    for (const isDuplicate of [false, true, true]) {
      const outbox = await openOutbox(scene);
      const [first] = await outbox.send(message, { idempotencyKey: 'order-1' });
      expect(first).toMatchObject({ offset: 0, duplicate: isDuplicate });
    }
    expect(scene.business.get('stock/lamp')).toBe(1);
  });

  it('refuses what cannot be one item of a transaction', async () => {
    const outbox = await openOutbox(await newScene());
    const large = { topic: 'orders', partition: 0, value: 'x'.repeat(300_000) };
    expect(await refusal(outbox.send({ ...ORDER, records: [large] }))).toBe('MESSAGE_TOO_LARGE');
    const apart = [0, 1].map((partition) => ({ topic: 'orders', partition, value: 'x' }));
    expect(await refusal(outbox.send({ ...ORDER, records: apart }))).toBe('INVALID_REQUEST');
  });

  it('needs a log that is kept in DynamoDB', async () => {
    const parts = {} as ClientParts;
    expect(() => createOutbox(parts, createProducer(parts))).toThrow(/kept in DynamoDB/);
  });
});

describe('a process that dies while it sends', () => {
  for (const moment of ['before', 'after'] satisfies CrashMoment[]) {
    it(`leaves both halves or neither, and sending again completes it (${moment} every request)`, async () => {
      let crashes = 0;
      for (let atRequest = 0; ; atRequest += 1) {
        const scene = await newScene();
        const process = crashingProcess(scene.storage, scene.transactions, { atRequest, moment });
        const end = await process.live(async () => (await openOutbox(process)).send(ORDER));
        const order = scene.business.get('orders/o1');
        const events = await eventsOf(scene.log, scene.storage);
        expect([undefined, 1]).toContain(order);
        expect(events).toHaveLength(order === undefined ? 0 : 2);
        expect(scene.business.get('stock/lamp')).toBe(order);

        const retry = await (await openOutbox(scene)).send(ORDER).catch((error: unknown) => error);
        expect(retry instanceof TransactionCancelledError).toBe(order === 1);
        expect(scene.business.get('stock/lamp')).toBe(1);
        expect(await eventsOf(scene.log, scene.storage)).toEqual(['o1 placed', 'o1 reserved']);
        if (!end.crashed) break;
        crashes += 1;
      }
      // The cluster's id, the topic, both looks at the tail, and the transaction itself.
      expect(crashes).toBeGreaterThanOrEqual(5);
    });
  }
});
