import { beforeEach, describe, expect, it } from 'vitest';
import { UnexpectedTailError } from '../../../lib/errors.ts';
import type { Log } from '../../../lib/log.ts';
import type { LogOptions } from '../../../lib/open-log.ts';
import type { Call } from '../../../lib/storage/call.ts';
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

/** The offset, or the end that was found instead. */
async function at(
  expectedOffset: number,
  value: string,
  options: { readonly on?: Log; readonly key?: string; readonly batches?: Uint8Array } = {},
): Promise<number | string> {
  const { on = log, key, batches = batchOf(value) } = options;
  const keyed = key === undefined ? {} : { idempotencyKey: key };
  try {
    const { baseOffset, duplicate } = await on.produce(
      { ...PLACE, ...keyed, batches, expectedOffset },
      call(),
    );
    return duplicate ? `${baseOffset} again` : baseOffset;
  } catch (error) {
    if (error instanceof UnexpectedTailError) return `ends at ${error.endOffset}`;
    throw error;
  }
}

const plain = (value: string, on = log): Promise<unknown> =>
  on.produce({ ...PLACE, batches: batchOf(value) }, call());
const all = async (): Promise<string[]> => textOf((await log.fetch({ ...PLACE, offset: 0 }, call())).batches);

describe('an append that expects an offset', () => {
  it('is stored only there, and is told where the log ends otherwise', async () => {
    expect(await at(0, 'a')).toBe(0);
    expect(await at(0, 'x')).toBe('ends at 1');
    expect(await at(2, 'x')).toBe('ends at 1');
    expect(await at(1, 'b')).toBe(1);
    expect(await all()).toEqual(['0:a', '1:b']);
  });

  it('is judged by the log as it is now, not as its process knew it', async () => {
    const other = await openMemoryLog(storage);
    await plain('a', other);
    await plain('b');
    expect(await at(2, 'c', { on: other })).toBe(2);
    expect(await at(2, 'x')).toBe('ends at 3');
  });

  it('goes first in its chunk, so that only one of those that expect the same offset is stored', async () => {
    const results = await Promise.all([
      plain('holds'),
      plain('p'),
      at(2, 'a'),
      at(2, 'b'),
      plain('q'),
      at(4, 'c'),
    ]);
    expect(results.slice(2, 4)).toEqual([2, 'ends at 3']);
    expect(await all()).toEqual(['0:holds', '1:p', '2:a', '3:q', '4:c']);
  });

  it('of many processes at once stores one record per offset', async () => {
    const logs = await Promise.all([1, 2, 3, 4].map(() => openMemoryLog(storage)));
    for (let offset = 0; offset < 20; offset += 1) {
      const results = await Promise.all(logs.map((on, i) => at(offset, `${i}`, { on })));
      expect(results.filter((result) => result === offset).length).toBe(1);
    }
    expect((await all()).length).toBe(20);
  });

  it('that was stored before is found by its key or its sequence number before the end is compared', async () => {
    const other = await openMemoryLog(storage);
    const batches = numberedBatch({ producerId: 1, sequence: 0 }, 'b');
    expect(await at(0, 'a', { key: 'k' })).toBe(0);
    expect(await at(1, '', { batches })).toBe(1);
    for (const on of [log, other, await openMemoryLog(storage)]) {
      expect(await at(0, 'a', { key: 'k', on })).toBe('0 again');
      expect(await at(1, '', { batches, on })).toBe('1 again');
      expect(await at(0, 'x', { key: 'another', on })).toBe('ends at 2');
    }
  });

  it('and was refused may come again with the same key and the right offset', async () => {
    await plain('a');
    expect(await at(0, 'b', { key: 'k' })).toBe('ends at 1');
    expect(await at(1, 'b', { key: 'k' })).toBe(1);
    expect(await at(1, 'b', { key: 'k' })).toBe('1 again');
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('is refused if that is no offset: %s', async (expectedOffset) => {
    const produced = log.produce({ ...PLACE, batches: batchOf('a'), expectedOffset }, call());
    expect(await refusal(produced)).toBe('INVALID_REQUEST');
  });

  it('costs what any append costs', async () => {
    await plain('a');
    const asked = call();
    await log.produce({ ...PLACE, batches: batchOf('b'), expectedOffset: 1 }, asked);
    expect(asked.meter.usage).toMatchObject({ tableWrites: 1, writeUnits: 1, tableReads: 0 });
  });
});
