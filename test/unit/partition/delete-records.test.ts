import { describe, expect, it } from 'vitest';
import type { FetchRequest, Log } from '../../../lib/log.ts';
import type { LogOptions } from '../../../lib/open-log.ts';
import { readTail } from '../../../lib/partition/tail.ts';
import { ALL_RULES } from '../../../lib/rules.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog, textOf } from '../../support/log-on-memory.ts';
import { manualClock } from '../../tools/manual-clock.ts';

const place = { topic: 't', partition: 0 };

async function filledLog(configs: Readonly<Record<string, string>> = {}): Promise<{
  readonly storage: LogOptions;
  readonly log: Log;
  readonly call: Call;
  readonly pk: string;
}> {
  const storage = memoryStorage();
  const log = await openMemoryLog(storage);
  const call = newCall(storage.clock);
  const { topicId } = await log.createTopic({ name: 't', configs }, call);
  await log.produce({ ...place, batches: batchOf('a', 'b', 'c') }, call);
  await log.produce({ ...place, batches: batchOf('d', 'e') }, call);
  return { storage, log, call, pk: `${topicId}:0` };
}

const startOf = async (log: Log, call: Call): Promise<number> =>
  (await log.listOffsets({ ...place, at: 'earliest' }, call)).offset;

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: { code?: string }) => error.code,
  );

describe('deleting records', () => {
  it('moves the beginning of the log, seen by every way to ask for it', async () => {
    const { log, call } = await filledLog();
    expect(await log.deleteRecords({ ...place, offset: 3 }, call)).toEqual({ logStartOffset: 3 });
    expect(await startOf(log, call)).toBe(3);
    const fetched = await log.fetch({ ...place, offset: 3 }, call);
    expect(fetched.logStartOffset).toBe(3);
    expect(textOf(fetched.batches)).toEqual(['3:d', '4:e']);
    const produced = await log.produce({ ...place, batches: batchOf('f') }, call);
    expect(produced).toMatchObject({ baseOffset: 5, logStartOffset: 3 });
  });

  it('makes what lies below unreadable, and the error names what can be read', async () => {
    const { log, call } = await filledLog();
    await log.deleteRecords({ ...place, offset: 3 }, call);
    await expect(log.fetch({ ...place, offset: 2 }, call)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: 'Offset 2 is outside the partition: it begins at 3 and ends at 5',
    });
  });

  it('takes an offset in the middle of a batch; the batch is still answered whole, as in Kafka', async () => {
    const { log, call } = await filledLog();
    expect(await log.deleteRecords({ ...place, offset: 1 }, call)).toEqual({ logStartOffset: 1 });
    expect(await codeOf(log.fetch({ ...place, offset: 0 }, call))).toBe('OFFSET_OUT_OF_RANGE');
    const { batches } = await log.fetch({ ...place, offset: 1 }, call);
    expect(textOf(batches)[0]).toBe('0:a');
  });

  it('takes -1 for everything there is, and the next record goes on behind it', async () => {
    const { log, call } = await filledLog();
    expect(await log.deleteRecords({ ...place, offset: -1 }, call)).toEqual({ logStartOffset: 5 });
    expect((await log.fetch({ ...place, offset: 5 }, call)).batches).toEqual([]);
    expect(await log.produce({ ...place, batches: batchOf('f') }, call)).toMatchObject({ baseOffset: 5 });
    expect(await log.deleteRecords({ ...place, offset: -1 }, call)).toEqual({ logStartOffset: 6 });
  });

  it('never moves back: an offset below the start answers the start', async () => {
    const { log, call } = await filledLog();
    await log.deleteRecords({ ...place, offset: 4 }, call);
    expect(await log.deleteRecords({ ...place, offset: 2 }, call)).toEqual({ logStartOffset: 4 });
    expect(await log.deleteRecords({ ...place, offset: 4 }, call)).toEqual({ logStartOffset: 4 });
    expect(await startOf(log, call)).toBe(4);
  });

  it.each([6, -2, 1.5, Number.NaN, 2 ** 60])('refuses %d, which is no offset of the log', async (offset) => {
    const { log, call } = await filledLog();
    expect(await codeOf(log.deleteRecords({ ...place, offset }, call))).toBe('OFFSET_OUT_OF_RANGE');
    expect(await startOf(log, call)).toBe(0);
  });

  it('refuses a partition and a topic that do not exist', async () => {
    const { log, call } = await filledLog();
    for (const where of [{ partition: 1 }, { partition: -1 }, { topic: 'u' }]) {
      const refused = log.deleteRecords({ ...place, offset: 0, ...where }, call);
      expect(await codeOf(refused)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    }
  });

  it('is refused where only compaction may remove records', async () => {
    const { log, call } = await filledLog({ 'cleanup.policy': 'delete' });
    await log.alterConfigs(
      't',
      [{ name: 'cleanup.policy', value: 'compact' }],
      { validateOnly: false },
      call,
    );
    expect(await codeOf(log.deleteRecords({ ...place, offset: 1 }, call))).toBe('POLICY_VIOLATION');
    const value = 'compact, delete';
    await log.alterConfigs('t', [{ name: 'cleanup.policy', value }], { validateOnly: false }, call);
    expect(await log.deleteRecords({ ...place, offset: 1 }, call)).toEqual({ logStartOffset: 1 });
  });

  it('of many at once the furthest wins', async () => {
    const { storage, log, call } = await filledLog();
    const logs = await Promise.all([1, 2, 3, 4, 5].map(() => openMemoryLog(storage)));
    const answers = await Promise.all(
      logs.map((one, offset) => one.deleteRecords({ ...place, offset: offset + 1 }, call)),
    );
    for (const [index, { logStartOffset }] of answers.entries()) {
      expect(logStartOffset).toBeGreaterThanOrEqual(index + 1);
    }
    expect(await startOf(log, call)).toBe(5);
  });

  it('is noticed by a process that knew another beginning within a minute', async () => {
    const clock = manualClock();
    const storage = memoryStorage(clock);
    const [here, there] = [await openMemoryLog(storage), await openMemoryLog(storage)];
    const call = (): Call => newCall(clock);
    await here.createTopic({ name: 't' }, call());
    await here.produce({ ...place, batches: batchOf('a', 'b') }, call());
    const request: FetchRequest = { ...place, offset: 0 };
    await there.fetch(request, call());
    await here.deleteRecords({ ...place, offset: 1 }, call());
    expect(await codeOf(here.fetch(request, call()))).toBe('OFFSET_OUT_OF_RANGE');
    clock.advance(61_000);
    expect(await codeOf(there.fetch(request, call()))).toBe('OFFSET_OUT_OF_RANGE');
    expect((await there.fetch({ ...place, offset: 1 }, call())).logStartOffset).toBe(1);
  });

  it('costs a look at the topic, one at the tail, one at the start, and one write', async () => {
    const { log, storage } = await filledLog();
    const call = { ...newCall(storage.clock), meter: new Meter() };
    await log.deleteRecords({ ...place, offset: 3 }, call);
    expect(call.meter.usage).toMatchObject({ tableReads: 4, tableWrites: 1, writeUnits: 1 });
  });
});

describe('the tail of a log that is trimmed', () => {
  it('never lies in the middle of a chunk that was appended and trimmed between two looks', async () => {
    const { storage, log, call, pk } = await filledLog();
    let interfered = false;
    const { hot } = storage;
    const tables = {
      catalog: storage.catalog,
      hot: {
        ...hot,
        query: async (...args: Parameters<typeof hot.query>) => {
          const page = await hot.query(...args);
          if (!interfered) {
            interfered = true;
            await log.produce({ ...place, batches: batchOf('f', 'g', 'h') }, call);
            await log.deleteRecords({ ...place, offset: 7 }, call);
          }
          return page;
        },
      },
    };
    // The look at the hot chain is the older one of the two.
    const { tail } = await readTail(
      {
        hot: tables.hot,
        catalog: {
          ...tables.catalog,
          query: async (...args) => {
            while (!interfered || (await startOf(log, call)) < 7) await Promise.resolve();
            return tables.catalog.query(...args);
          },
        },
      },
      pk,
      ALL_RULES,
      call,
    );
    expect(tail.offset).toBe(8);
  });

  it('is the log start where nothing else is left', async () => {
    const { storage, log, call, pk } = await filledLog();
    await log.deleteRecords({ ...place, offset: -1 }, call);
    const page = await storage.hot.query(pk, { limit: 10, consistent: true }, call);
    for (const item of page.items) await storage.hot.delete(item, { ifVersion: item.version }, call);
    const { tail } = await readTail(storage, pk, ALL_RULES, call);
    expect(tail.offset).toBe(5);
  });
});
