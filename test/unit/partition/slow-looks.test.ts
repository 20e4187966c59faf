import { describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import type { Clock } from '../../../lib/storage/clock.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog, textOf } from '../../support/log-on-memory.ts';
import { sealDue } from '../../support/seal-due.ts';

const PLACE = { topic: 't', partition: 0 };

async function topicOn(storage: LogOptions): Promise<{ log: Log; pk: string }> {
  const log = await openMemoryLog(storage);
  const configs = { 'segment.bytes': '14' };
  const { topicId } = await log.createTopic({ name: 't', configs }, newCall(storage.clock));
  return { log, pk: partitionKey(topicId, 0) };
}

describe('a reader', () => {
  it('that wants more is woken by an append of its process that was answered during its look', async () => {
    const base = memoryStorage();
    // Pauses end only when they are cut short.
    const sleep: Clock['sleep'] = (_ms, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    const clock = { ...base.clock, sleep };
    let meanwhile: (() => Promise<unknown>) | undefined;
    const query: LogOptions['hot']['query'] = async (...args) => {
      const page = await base.hot.query(...args);
      const work = meanwhile;
      meanwhile = undefined;
      await work?.();
      return page;
    };
    const { log } = await topicOn({ ...base, clock, hot: { ...base.hot, query } });
    const call = newCall(clock);
    await log.produce({ ...PLACE, batches: batchOf('a') }, call);
    await log.fetch({ ...PLACE, offset: 0 }, call);
    meanwhile = () => log.produce({ ...PLACE, batches: batchOf('b') }, call);
    const { batches } = await log.fetch({ ...PLACE, offset: 0, minBytes: 100, waitMs: 9_000 }, call);
    expect(textOf(batches)).toEqual(['0:a', '1:b']);
  });

  it('that waited until its deadline answers what it has, without a look for which no time is left', async () => {
    const base = memoryStorage();
    let nowMs = 0;
    const clock: Clock = {
      wallMs: () => 1_700_000_000_000 + nowMs,
      monotonicMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
    };
    const query: LogOptions['hot']['query'] = async (pk, range, call) => {
      if (nowMs >= call.deadlineMs) throw new StorageFault('interrupted', 'no time was left');
      return base.hot.query(pk, range, call);
    };
    const { log } = await topicOn({ ...base, clock, hot: { ...base.hot, query } });
    const call = newCall(clock, { ms: 1_000 });
    expect((await log.fetch({ ...PLACE, offset: 0, waitMs: 5_000 }, call)).batches).toEqual([]);
    expect(nowMs).toBe(1_000);
  });

  it('of the sealed past knows at least the sealed end', async () => {
    const storage = memoryStorage();
    const { log } = await topicOn(storage);
    for (const value of ['a', 'b', 'c']) {
      await log.produce({ ...PLACE, batches: batchOf(value) }, newCall(storage.clock));
    }
    await sealDue(engineParts(storage), newCall(storage.clock));
    const fresh = await openMemoryLog(storage);
    const { nextOffset, highWatermark } = await fresh.fetch({ ...PLACE, offset: 0 }, newCall(storage.clock));
    expect({ nextOffset, highWatermark }).toEqual({ nextOffset: 1, highWatermark: 3 });
  });
});

it('a look at the tail that a process slept through for weeks does not take the chain for empty', async () => {
  let wallMs = 1_700_000_000_000;
  const { clock: steady } = memoryStorage();
  const clock = { ...steady, wallMs: (): number => wallMs };
  const storage = { ...memoryStorage(clock), clock };
  const { log, pk } = await topicOn(storage);
  await log.produce({ ...PLACE, batches: batchOf('a', 'b', 'c') }, newCall(clock));

  let sleepsNext = false;
  const query: LogOptions['hot']['query'] = async (of, range, call) => {
    if (!sleepsNext) return storage.hot.query(of, range, call);
    sleepsNext = false;
    // The look at the segments has been answered; this one is sent again after everything hot has expired.
    await new Promise((resolve) => setImmediate(resolve));
    wallMs += 14 * 86_400_000;
    await sealDue(engineParts(storage), newCall(clock));
    const { item } = await storage.hot.get({ pk, sk: 0 }, { consistent: true }, call);
    await storage.hot.delete({ pk, sk: 0 }, { ifVersion: item?.version ?? '' }, call);
    throw new StorageFault('throttled', 'later');
  };
  const sleeper = await openMemoryLog({ ...storage, hot: { ...storage.hot, query } });
  sleepsNext = true;
  expect((await sleeper.listOffsets({ ...PLACE, at: 'latest' }, newCall(clock))).offset).toBe(3);
});
