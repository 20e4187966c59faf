import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/adapters/system/index.ts';
import type { Log } from '../../../lib/log.ts';
import { openLog } from '../../../lib/open-log.ts';
import { skipProducerIds } from '../../../lib/producer/producer-ids.ts';
import { memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';

const clock = systemClock();
const call = () => newCall(clock);
const take = (log: Log, count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => log.allocateProducerId(call())));

describe('producer ids', () => {
  it('are different whichever process gives them out', async () => {
    const storage = memoryStorage();
    const logs = await Promise.all([1, 2, 3].map(() => openMemoryLog(storage)));
    const ids = (await Promise.all(logs.map((log) => take(log, 1_500)))).flat();
    expect(new Set(ids).size).toBe(4_500);
    expect(ids.every((id) => Number.isSafeInteger(id) && id >= 0)).toBe(true);
  });

  it('are taken from storage a thousand at a time', async () => {
    const log = await openMemoryLog();
    const first = call();
    await log.allocateProducerId(first);
    expect(first.meter.usage).toMatchObject({ tableReads: 1, tableWrites: 1 });
    const next = call();
    await log.allocateProducerId(next);
    expect(next.meter.usage).toMatchObject({ tableReads: 0, tableWrites: 0 });
  });

  it('carry the number of their region, up to the last one', async () => {
    const ids = await Promise.all(
      [0, 1, 1_023].map(async (regionNumber) =>
        (await openLog({ ...memoryStorage(), regionNumber }, call())).allocateProducerId(call()),
      ),
    );
    expect(ids).toEqual([0, 2 ** 43, 1_023 * 2 ** 43]);
    await expect(openLog({ ...memoryStorage(), regionNumber: 1_024 }, call())).rejects.toThrow(
      'region number',
    );
  });

  it('that were given out are never given out again after a restore', async () => {
    const storage = memoryStorage();
    await (await openMemoryLog(storage)).allocateProducerId(call());
    await skipProducerIds(storage, call());
    const [id = 0] = await take(await openMemoryLog(storage), 1);
    expect(id).toBeGreaterThanOrEqual(2 ** 32);
  });

  it('are asked for again by a caller that had joined one who failed', async () => {
    const storage = memoryStorage();
    const log = await openMemoryLog(storage);
    let failures = 1;
    const { catalog } = storage;
    const failing = await openLog(
      {
        ...storage,
        catalog: {
          ...catalog,
          get: (key, options, asked) => {
            if (key.pk !== 'producers' || failures === 0) return catalog.get(key, options, asked);
            failures -= 1;
            return Promise.reject(new Error('lost'));
          },
        },
        clusterId: log.clusterId,
      },
      call(),
    );
    const [first, second] = await Promise.allSettled([
      failing.allocateProducerId(call()),
      failing.allocateProducerId(call()),
    ]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
  });
});
