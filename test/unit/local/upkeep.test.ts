import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import { startUpkeep, type Upkeep } from '../../../lib/local/upkeep.ts';
import type { Log } from '../../../lib/log.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Scene {
  readonly clock: ManualClock;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly faults: string[];
  start(parts?: EngineParts): Upkeep;
  earliest(): Promise<number>;
}

/** Topic `t` with two records that are a segment's worth and too old after an hour. */
async function scene(): Promise<Scene> {
  const clock = manualClock();
  const storage = memoryStorage(clock);
  const parts = engineParts(storage);
  const log = await openMemoryLog(storage);
  const faults: string[] = [];
  const configs = { 'segment.bytes': '14', 'retention.ms': String(HOUR_MS) };
  await log.createTopic({ name: 't', configs }, newCall(clock));
  await log.produce({ topic: 't', partition: 0, batches: batchOf('a', 'b') }, newCall(clock));
  const expiry = { removeExpired: () => 0, removeHotBelow: () => 0 };
  return {
    clock,
    parts,
    log,
    faults,
    start: (own = parts) =>
      startUpkeep({
        parts: own,
        expiry,
        clock,
        onFault: (doing, cause) => faults.push(`${doing}: ${cause}`),
      }),
    earliest: async () =>
      (await log.listOffsets({ topic: 't', partition: 0, at: 'earliest' }, newCall(clock))).offset,
  };
}

/** Lets what is under way go on until `holds`; nothing here waits for real time. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 10_000; turn += 1) {
    if (await holds()) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  throw new Error('it never came');
}

const objectCount = async ({ parts, clock }: Scene): Promise<number> =>
  (await parts.bucket.list('segments/', { limit: 100 }, newCall(clock))).objects.length;

describe('upkeep', () => {
  it('seals on its timer, and brings topics within their retention', async () => {
    const own = await scene();
    const upkeep = own.start();
    own.clock.advance(MINUTE_MS);
    await until(async () => (await objectCount(own)) === 1);
    own.clock.advance(2 * HOUR_MS);
    await until(async () => {
      own.clock.advance(MINUTE_MS);
      return (await own.earliest()) === 2;
    });
    await upkeep.stop();
    expect(own.faults).toEqual([]);
  });

  it('removes what deleted topics leave', async () => {
    const own = await scene();
    const upkeep = own.start();
    own.clock.advance(MINUTE_MS);
    await until(async () => (await objectCount(own)) === 1);
    await own.log.deleteTopic('t', newCall(own.clock));
    await until(async () => {
      own.clock.advance(MINUTE_MS);
      return (await objectCount(own)) === 0;
    });
    await upkeep.stop();
    expect(own.faults).toEqual([]);
  });

  it('says what fails, and goes on', async () => {
    const own = await scene();
    let isBroken = true;
    const { catalog } = own.parts;
    const broken: EngineParts = {
      ...own.parts,
      catalog: {
        ...catalog,
        query: async (...args) => {
          if (isBroken) throw new StorageFault('refused', 'no disk');
          return catalog.query(...args);
        },
      },
    };
    const upkeep = own.start(broken);
    own.clock.advance(MINUTE_MS);
    await until(async () => own.faults.length >= 1);
    expect(own.faults[0]).toContain('no disk');
    isBroken = false;
    await until(async () => {
      own.clock.advance(MINUTE_MS);
      return (await objectCount(own)) === 1;
    });
    await upkeep.stop();
  });

  it('stops at once, whatever it is doing', async () => {
    const own = await scene();
    const upkeep = own.start();
    own.clock.advance(MINUTE_MS);
    await upkeep.stop();
    expect(own.faults).toEqual([]);
  });
});
