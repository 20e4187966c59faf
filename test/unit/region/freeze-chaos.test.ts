import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/errors.ts';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { openRegion } from '../../../lib/open-region.ts';
import { verifyTopic } from '../../../lib/segment/verify/verify.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { SortKey, Table } from '../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog, textOf } from '../../support/log-on-memory.ts';

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** Requests take their time; one put in ten is not answered, and half of those come in much later. */
function unsteady<S extends SortKey>(
  table: Table<S>,
  next: () => number,
  late: Promise<unknown>[],
): Table<S> {
  const waits = (): Promise<void> => turns(Math.floor(next() * 4));
  return {
    inlineBytesBreakEven: table.inlineBytesBreakEven,
    get: async (...args) => {
      await waits();
      return table.get(...args);
    },
    query: async (...args) => {
      await waits();
      return table.query(...args);
    },
    delete: async (...args) => {
      await waits();
      return table.delete(...args);
    },
    put: async (...args) => {
      await waits();
      if (next() > 0.1) return table.put(...args);
      if (next() < 0.5) late.push(turns(40).then(() => table.put(...args)));
      throw new StorageFault('interrupted', 'nobody knows', { mayHaveHappened: true });
    },
  };
}

interface Sent {
  readonly value: string;
  /** Of the last freeze that was complete before it was sent, while it lasted; undefined: none. */
  readonly inFreeze: number | undefined;
  readonly stored: boolean;
}

/** Answers how many appends were sent, and answered, within a freeze. */
async function chaos(seed: number): Promise<number> {
  const next = seeded(seed);
  const steady = memoryStorage();
  const late: Promise<unknown>[] = [];
  const shaky = (): LogOptions => ({
    ...steady,
    hot: unsteady(steady.hot, next, late),
    catalog: unsteady(steady.catalog, next, late),
  });
  const call = (): Call => newCall(steady.clock);
  const logs = await Promise.all([openMemoryLog(shaky()), openMemoryLog(shaky()), openMemoryLog(shaky())]);
  await (logs[0] as Log).createTopic({ name: 't' }, call());
  const regions = [openRegion(engineParts(shaky())), openRegion(engineParts(shaky()))];
  let frozen: number | undefined;
  let isOver = false;
  const sent: Sent[] = [];

  const writes = async (log: Log, name: string): Promise<void> => {
    for (let number = 0; !isOver; number += 1) {
      const value = `${name}${number}`;
      const inFreeze = frozen;
      const stored = await log
        .produce({ topic: 't', partition: 0, batches: batchOf(value) }, call())
        .then(() => true)
        .catch((error: unknown) => {
          if (error instanceof MillraceError) return false;
          throw error;
        });
      // Only what was sent and answered within one freeze was to be refused.
      sent.push({ value, stored, inFreeze: inFreeze === frozen ? inFreeze : undefined });
      await turns(Math.floor(next() * 6));
    }
  };
  const changes = async (): Promise<void> => {
    for (let round = 0; round < 6; round += 1) {
      const [one, two] = regions as [(typeof regions)[number], (typeof regions)[number]];
      // Sometimes two freeze at once.
      const both = next() < 0.3 ? two.freeze(call()) : undefined;
      const { state, isComplete } = await one.freeze(call());
      await both;
      if (state === 'FROZEN' && isComplete) frozen = round;
      await turns(30);
      frozen = undefined;
      const freezing = next() < 0.3 ? two.freeze(call()) : undefined;
      await one.thaw(call());
      await freezing;
      await turns(20);
    }
  };
  const writing = logs.map((log, at) => writes(log, 'abc'[at] ?? ''));
  await changes();
  isOver = true;
  await Promise.all(writing);
  await Promise.all(late.map((put) => put.catch(() => undefined)));

  expect(
    sent.filter(({ inFreeze, stored }) => inFreeze !== undefined && stored),
    `seed ${seed}`,
  ).toEqual([]);
  const region = openRegion(engineParts(steady));
  expect(await region.thaw(call()), `seed ${seed}`).toMatchObject({ state: 'OPEN', isComplete: true });
  const log = await openMemoryLog(steady);
  const values: string[] = [];
  for (let offset = 0, last = -1; offset > last; ) {
    last = offset;
    const read = await log.fetch({ topic: 't', partition: 0, offset }, call());
    values.push(...textOf(read.batches).map((text) => text.replace(/^\d+:/, '')));
    offset = read.nextOffset;
  }
  expect(new Set(values).size, `seed ${seed}`).toBe(values.length);
  for (const { value, stored } of sent) if (stored) expect(values, `seed ${seed}`).toContain(value);
  await log.produce({ topic: 't', partition: 0, batches: batchOf('last') }, call());
  const topics = new TopicCatalog({ ...engineParts(steady), partitionCountDefault: 1 });
  const report = await verifyTopic(engineParts(steady), await topics.describe('t', call()), call());
  expect(report.findings, `seed ${seed}`).toEqual([]);
  return sent.filter(({ inFreeze }) => inFreeze !== undefined).length;
}

describe('freezing and thawing while three processes write, puts are lost and some come late', () => {
  it('takes nothing while frozen, loses nothing, repeats nothing', async () => {
    let refusedCount = 0;
    for (let seed = 1; seed <= 25; seed += 1) refusedCount += await chaos(seed);
    expect(refusedCount).toBeGreaterThan(50);
  }, 60_000);
});
