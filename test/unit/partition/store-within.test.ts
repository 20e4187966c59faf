import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import type { Log } from '../../../lib/log.ts';
import type { LogOptions } from '../../../lib/open-log.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { observeNow } from '../../../lib/storage/observation.ts';
import type { Item } from '../../../lib/storage/table.ts';
import type { StoreWithin } from '../../../lib/storage/within.ts';
import {
  batchOf,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
  textOf,
} from '../../support/log-on-memory.ts';
import { numberedBatch } from '../../support/producer-batches.ts';

const PLACE = { topic: 't', partition: 0 };
let storage: LogOptions;
let log: Log;
const call = (): Call => newCall(storage.clock);

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
  await log.createTopic({ name: 't' }, call());
});

const alone: StoreWithin<number> = (item, options, asked) => storage.hot.put(item, options, asked);
const within = (storeWithin: StoreWithin<number>, value: string, on = log): ReturnType<Log['produce']> =>
  on.produce({ ...PLACE, batches: batchOf(value), storeWithin }, call());
const plain = (value: string, on = log): Promise<unknown> =>
  on.produce({ ...PLACE, batches: batchOf(value) }, call());
const all = async (): Promise<string[]> => textOf((await log.fetch({ ...PLACE, offset: 0 }, call())).batches);

describe('an append within something larger', () => {
  it('is a chunk of its own, in the order of its coming', async () => {
    const items: Item<number>[] = [];
    const store: StoreWithin<number> = (item, options, asked) => {
      items.push(item);
      expect(options.condition).toEqual({ kind: 'ifAbsent' });
      expect(options.fences?.length).toBeGreaterThan(1);
      return alone(item, options, asked);
    };
    await Promise.all([plain('a'), plain('b'), within(store, 'c'), within(store, 'd'), plain('e')]);
    expect(await all()).toEqual(['0:a', '1:b', '2:c', '3:d', '4:e']);
    expect(items.map(({ sk, attributes }) => [sk, attributes.n])).toEqual([
      [2, 1],
      [3, 1],
    ]);
  });

  it('that is cancelled fails with the reason of the other part, stores nothing and disturbs nobody', async () => {
    const cause = new Error('the order was changed');
    const cancelled: StoreWithin<number> = async () => ({
      stored: 'cancelled',
      cause,
      observation: observeNow(storage.clock),
    });
    const results = await Promise.allSettled([plain('a'), within(cancelled, 'x'), plain('b')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(within(cancelled, 'x')).rejects.toBe(cause);
    expect(await all()).toEqual(['0:a', '1:b']);
  });

  it('that loses its place walks on with the same other part', async () => {
    const other = await openMemoryLog(storage);
    await plain('a');
    await plain('b', other);
    const places: number[] = [];
    const store: StoreWithin<number> = (item, options, asked) => {
      places.push(item.sk);
      return alone(item, options, asked);
    };
    expect((await within(store, 'c')).baseOffset).toBe(2);
    expect(places).toEqual([1, 2]);
  });

  it('whose answer was lost knows itself where it stands', async () => {
    const store: StoreWithin<number> = async (item, options, asked) => {
      await alone(item, options, asked);
      return alone(item, options, asked);
    };
    expect(await within(store, 'a')).toMatchObject({ baseOffset: 0, duplicate: false });
    expect(await all()).toEqual(['0:a']);
  });

  it('whose outcome stays open is answered REQUEST_TIMED_OUT, and later ones look first', async () => {
    const lost: StoreWithin<number> = async (item, options, asked) => {
      await alone(item, options, asked);
      throw new StorageFault('interrupted', 'nobody knows', { mayHaveHappened: true });
    };
    expect(await refusal(within(lost, 'a'))).toBe('REQUEST_TIMED_OUT');
    await plain('b');
    expect(await all()).toEqual(['0:a', '1:b']);
  });

  it('stays inline, whatever an upload would save, and has the bound of that', async () => {
    await within(alone, 'x'.repeat(100_000));
    const { objects } = await storage.bucket.list('', { limit: 1 }, call());
    expect(objects).toEqual([]);
    expect(await refusal(within(alone, 'x'.repeat(LIMITS.inlineBytesMax)))).toBe('MESSAGE_TOO_LARGE');
  });

  it('with a sequence number is judged as any other, and is not stored within anything twice', async () => {
    let stores = 0;
    const store: StoreWithin<number> = (...args) => {
      stores += 1;
      return alone(...args);
    };
    const batches = numberedBatch({ producerId: 1, sequence: 0 }, 'a');
    const send = (): ReturnType<Log['produce']> =>
      log.produce({ ...PLACE, batches, storeWithin: store, expectedOffset: 0 }, call());
    expect(await send()).toMatchObject({ baseOffset: 0, duplicate: false });
    expect(await send()).toMatchObject({ baseOffset: 0, duplicate: true });
    expect(stores).toBe(1);
  });
});
