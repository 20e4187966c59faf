import { beforeEach, describe, expect, it } from 'vitest';
import type { FetchResult, Log } from '../../../lib/log.ts';
import { segmentToItem } from '../../../lib/segment/segment-item.ts';
import type { Usage } from '../../../lib/storage/meter.ts';
import { textOf } from '../../support/log-on-memory.ts';
import { type ColdLog, coldLog, numbersIn, range } from './support.ts';

const BATCH_BYTES = 3_000;
/** What a fetch is asked for: three batches. */
const MAX_BYTES = 10_000;

let cold: ColdLog;

beforeEach(async () => {
  cold = await coldLog();
});

async function fetchFrom(
  log: Log,
  offset: number,
  maxBytes: number = MAX_BYTES,
): Promise<FetchResult & { readonly numbers: number[]; readonly usage: Usage }> {
  const asked = cold.call();
  const result = await log.fetch({ topic: 'cold', partition: 0, offset, maxBytes }, asked);
  return { ...result, numbers: numbersIn(textOf(result.batches)), usage: asked.meter.usage };
}

async function segmentsOf(count: number, batchesPerSegment: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await cold.produce(batchesPerSegment, BATCH_BYTES);
    await cold.seal();
  }
}

describe('a fetch of sealed data', () => {
  it('is one ranged read where the metadata are known, and one query more where the segment is not', async () => {
    await segmentsOf(3, 20);
    const log = await cold.fresh();
    await fetchFrom(log, 0);
    const unknown = await fetchFrom(log, 20);
    expect(unknown.usage).toMatchObject({ objectGets: 1, tableReads: 1, readUnits: 0.5, tableWrites: 0 });
    const known = await fetchFrom(log, 30);
    expect(known.usage).toMatchObject({ objectGets: 1, tableReads: 0, tableWrites: 0 });
    expect(known.numbers).toEqual([30, 31, 32]);
    expect(known.usage.bytesRead).toBeLessThan(MAX_BYTES + 3 * 4_096);
  });

  it('reads nothing that this process has read already', async () => {
    await segmentsOf(1, 20);
    const log = await cold.fresh();
    const first = await fetchFrom(log, 4);
    expect((await fetchFrom(log, 4)).usage).toMatchObject({ objectGets: 0, bytesRead: 0, tableReads: 0 });
    expect((await fetchFrom(log, 4)).batches).toEqual(first.batches);
  });

  it('begins with the batch asked for and ends within the bytes asked for, from any offset', async () => {
    await segmentsOf(2, 25);
    const log = await cold.fresh();
    for (let offset = 49; offset >= 0; offset -= 1) {
      const { numbers } = await fetchFrom(log, offset);
      const segmentEnd = offset < 25 ? 25 : 50;
      expect(numbers[0]).toBe(offset);
      expect(numbers).toEqual(range(offset, offset + numbers.length));
      expect(numbers.length <= 3 && offset + numbers.length <= segmentEnd).toBe(true);
    }
  });

  it('answers one batch however small the bytes asked for', async () => {
    await segmentsOf(1, 5);
    expect((await fetchFrom(await cold.fresh(), 2, 1)).numbers).toEqual([2]);
  });

  it('goes on behind a hole that compaction left, even where it fills what one read finds', async () => {
    await segmentsOf(1, 20);
    const [segment] = await cold.segments();
    if (segment?.objectKey === undefined) throw new Error('there is no segment');
    const { bucket, catalog } = cold.storage;
    const object = (await bucket.get(segment.objectKey, undefined, cold.call())) ?? new Uint8Array();
    // Without the batches 3 to 16, and with an index entry right behind the hole.
    const each = object.length / 20;
    const objectKey = 'segments/rewritten/00000000000000000000.log';
    await bucket.put(
      objectKey,
      Buffer.concat([object.subarray(0, 3 * each), object.subarray(17 * each)]),
      cold.call(),
    );
    const [{ maxTimestampMs } = { maxTimestampMs: 0 }] = segment.index;
    const index = [
      { offset: 0, position: 0, maxTimestampMs },
      { offset: 2, position: 2 * each, maxTimestampMs },
      { offset: 17, position: 3 * each, maxTimestampMs },
    ];
    const item = segmentToItem(cold.pk, { ...segment, version: 'v2', objectKey, bytes: 6 * each, index });
    const condition = { kind: 'ifVersion', version: segment.version } as const;
    expect(await catalog.put(item, { condition }, cold.call())).toMatchObject({ stored: true });
    const log = await cold.fresh();
    for (let offset = 3; offset <= 17; offset += 1) {
      expect((await fetchFrom(log, offset, 1)).numbers).toEqual([17]);
    }
    expect((await fetchFrom(log, 2)).numbers).toEqual([2, 17, 18]);
  });
});

describe('a sequential reader', () => {
  async function readAll(log: Log): Promise<Usage[]> {
    const usages: Usage[] = [];
    const numbers: number[] = [];
    for (let offset = 0; offset < 60; ) {
      const answer = await fetchFrom(log, offset);
      numbers.push(...answer.numbers);
      usages.push(answer.usage);
      offset = answer.nextOffset;
    }
    expect(numbers).toEqual(range(0, 60));
    return usages;
  }
  const getsIn = (usages: readonly Usage[]): number =>
    usages.reduce((total, { objectGets }) => total + objectGets, 0);

  it('reads every byte once', async () => {
    await segmentsOf(1, 60);
    const [segment] = await cold.segments();
    const log = await cold.fresh();
    await log.fetch({ topic: 'cold', partition: 0, offset: 60 }, cold.call());
    const usages = await readAll(log);
    const bytesRead = usages.reduce((total, usage) => total + usage.bytesRead, 0);
    const itemBytes = usages[0]?.tableReads === 1 ? 1_024 : 0;
    expect(bytesRead).toBeGreaterThanOrEqual(segment?.bytes ?? 0);
    expect(bytesRead).toBeLessThanOrEqual((segment?.bytes ?? 0) + itemBytes);
    expect(usages.every(({ objectGets }) => objectGets <= 1)).toBe(true);
  });

  it('finds the next bytes there before it asks, and is charged for what it uses', async () => {
    await segmentsOf(1, 60);
    const log = await cold.fresh({ readsAhead: true });
    const usages = await readAll(log);
    // The first two answers are read when they are asked for; everything behind them in one stretch.
    expect(usages.slice(0, 2).map(({ objectGets }) => objectGets)).toEqual([1, 1]);
    expect(getsIn(usages)).toBe(3);
  });

  it('reads for itself where reading ahead has failed', async () => {
    await segmentsOf(1, 60);
    let gets = 0;
    const { bucket } = cold.storage;
    const get: typeof bucket.get = (...args) => {
      gets += 1;
      return gets === 3 ? Promise.reject(new Error('nobody waits for this')) : bucket.get(...args);
    };
    const usages = await readAll(await cold.fresh({ readsAhead: true, bucket: { ...bucket, get } }));
    expect(getsIn(usages)).toBe(gets - 1);
  });
});
