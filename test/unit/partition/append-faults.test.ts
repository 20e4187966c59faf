import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import type { Log } from '../../../lib/log.ts';
import type { LogOptions } from '../../../lib/open-log.ts';
import type { Bucket } from '../../../lib/storage/bucket.ts';
import { StorageFault, type StorageFaultKind } from '../../../lib/storage/fault.ts';
import type { Item, PutOptions, Table } from '../../../lib/storage/table.ts';
import {
  batchOf,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
  textOf,
} from '../../support/log-on-memory.ts';

type PutFault = { readonly kind: StorageFaultKind; readonly takesEffect?: boolean };

/** Storage whose hot puts meet these faults in turn, and then none. */
function faulty(storage: LogOptions, faults: PutFault[]): LogOptions {
  const put: Table<number>['put'] = async (item: Item<number>, options: PutOptions, call) => {
    const fault = faults.shift();
    if (fault === undefined) return storage.hot.put(item, options, call);
    if (fault.takesEffect === true) await storage.hot.put(item, options, call);
    throw new StorageFault(fault.kind, `a fault of kind ${fault.kind}`);
  };
  return { ...storage, hot: { ...storage.hot, put } };
}

const LONG: PutFault[] = Array.from({ length: 500 }, () => ({ kind: 'throttled' }));

async function scene(faults: PutFault[]): Promise<{ storage: LogOptions; log: Log; plain: Log }> {
  const storage = memoryStorage();
  const plain = await openMemoryLog(storage);
  await plain.createTopic({ name: 't' }, newCall(storage.clock));
  return { storage, plain, log: await openMemoryLog(faulty(storage, faults)) };
}

const produce = (log: Log, storage: LogOptions, value: string, ms = 300): ReturnType<Log['produce']> =>
  log.produce({ topic: 't', partition: 0, batches: batchOf(value) }, newCall(storage.clock, { ms }));

const stored = async ({ plain, storage }: { plain: Log; storage: LogOptions }): Promise<string[]> =>
  textOf((await plain.fetch({ topic: 't', partition: 0, offset: 0 }, newCall(storage.clock))).batches);

describe('an append', () => {
  it('whose answer was lost is recognised at its place and answered once', async () => {
    const { storage, log, plain } = await scene([{ kind: 'interrupted', takesEffect: true }]);
    expect((await produce(log, storage, 'a', 5_000)).baseOffset).toBe(0);
    expect(await stored({ plain, storage })).toEqual(['0:a']);
  });

  it('that was interrupted without effect is sent again to the same place', async () => {
    const { storage, log, plain } = await scene([{ kind: 'interrupted' }, { kind: 'throttled' }]);
    expect((await produce(log, storage, 'a', 5_000)).baseOffset).toBe(0);
    expect(await stored({ plain, storage })).toEqual(['0:a']);
  });

  it.each<[StorageFaultKind, string]>([
    ['refused', 'KAFKA_STORAGE_ERROR'],
    ['full', 'KAFKA_STORAGE_ERROR'],
    ['damaged', 'KAFKA_STORAGE_ERROR'],
  ])(
    'that storage answers with %s fails as %s, stores nothing and disturbs no later one',
    async (kind, code) => {
      const { storage, log, plain } = await scene([{ kind }]);
      expect(await refusal(produce(log, storage, 'a'))).toBe(code);
      expect((await produce(log, storage, 'b')).baseOffset).toBe(0);
      expect(await stored({ plain, storage })).toEqual(['0:b']);
    },
  );

  it('that is throttled beyond its time fails as THROTTLING_QUOTA_EXCEEDED and stores nothing', async () => {
    const { storage, log, plain } = await scene([...LONG]);
    expect(await refusal(produce(log, storage, 'a', 150))).toBe('THROTTLING_QUOTA_EXCEEDED');
    expect(await stored({ plain, storage })).toEqual([]);
  });

  it('that stays ambiguous fails as REQUEST_TIMED_OUT, and is wholly there or wholly absent', async () => {
    const { storage, log, plain } = await scene([{ kind: 'interrupted', takesEffect: true }, ...LONG]);
    expect(await refusal(produce(log, storage, 'a', 150))).toBe('REQUEST_TIMED_OUT');
    expect(await stored({ plain, storage })).toEqual(['0:a']);
  });

  it('that waits behind a failing one has an answer of its own', async () => {
    const { storage, log, plain } = await scene([{ kind: 'refused' }]);
    const [first, second] = await Promise.allSettled([
      produce(log, storage, 'a'),
      produce(log, storage, 'b'),
    ]);
    expect(first.status).toBe('rejected');
    expect(second.status).toBe('fulfilled');
    expect(await stored({ plain, storage })).toEqual(['0:b']);
  });

  it('whose key cannot be checked fails alone, not with those that share its chunk', async () => {
    const storage = memoryStorage();
    const plain = await openMemoryLog(storage);
    await plain.createTopic({ name: 't' }, newCall(storage.clock));
    const put: Table<string>['put'] = async (item, options, call) => {
      if (item.pk.startsWith('attempt#')) throw new StorageFault('refused', 'no attempts today');
      return storage.catalog.put(item, options, call);
    };
    const log = await openMemoryLog({ ...storage, catalog: { ...storage.catalog, put } });
    const keyed = { topic: 't', partition: 0, batches: batchOf('keyed'), idempotencyKey: 'k' };
    const results = await Promise.allSettled([
      produce(log, storage, 'first'),
      produce(log, storage, 'a'),
      log.produce(keyed, newCall(storage.clock)),
      produce(log, storage, 'b'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await stored({ plain, storage })).toEqual(['0:first', '1:a', '2:b']);
  });

  it('is refused as THROTTLING_QUOTA_EXCEEDED when too many bytes wait already', async () => {
    const { storage, log } = await scene([]);
    const value = 'x'.repeat(1_000_000);
    const countMax = Math.ceil(LIMITS.appendQueueBytesMax / value.length) + 2;
    const waiting = Array.from({ length: countMax }, () => refusal(produce(log, storage, value, 60_000)));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['none', 'THROTTLING_QUOTA_EXCEEDED']));
    expect(await refusal(produce(log, storage, 'later'))).toBe('none');
  });

  it('whose upload fails stores nothing and says so', async () => {
    const storage = memoryStorage();
    const plain = await openMemoryLog(storage);
    await plain.createTopic({ name: 't' }, newCall(storage.clock));
    const put: Bucket['put'] = async () => {
      throw new StorageFault('refused', 'no uploads today');
    };
    const log = await openMemoryLog({ ...storage, bucket: { ...storage.bucket, put } });
    expect(await refusal(produce(log, storage, 'x'.repeat(50_000)))).toBe('KAFKA_STORAGE_ERROR');
    expect((await produce(log, storage, 'small')).baseOffset).toBe(0);
    expect(await stored({ plain, storage })).toEqual(['0:small']);
  });

  it('rests on a fresh look at the tail after a minute of silence', async () => {
    let wallMs = 1_700_000_000_000;
    const base = memoryStorage();
    const clock = { ...base.clock, wallMs: (): number => wallMs };
    const storage = { ...memoryStorage(clock), clock };
    const log = await openMemoryLog(storage);
    await log.createTopic({ name: 't' }, newCall(clock));
    await produce(log, storage, 'a');
    const warm = newCall(clock);
    await log.produce({ topic: 't', partition: 0, batches: batchOf('b') }, warm);
    expect(warm.meter.usage.tableReads).toBe(0);
    wallMs += 61_000;
    const late = newCall(clock);
    const { baseOffset } = await log.produce({ topic: 't', partition: 0, batches: batchOf('c') }, late);
    expect(baseOffset).toBe(2);
    // The topic is looked up again too: one look at it, two at the tail, and nothing was sent in vain.
    expect(late.meter.usage).toMatchObject({ tableReads: 3, tableWrites: 1 });
  });
});
