import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { type SealOutcome, type SealSettings, sealOnce } from '../../../lib/segment/seal/seal.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem } from '../../../lib/segment/segment-item.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog, textOf } from '../../support/log-on-memory.ts';

const DAY_MS = 86_400_000;
const SETTINGS: SealSettings = { segmentBytes: 100_000, segmentMs: DAY_MS, hotRetentionMs: 7 * DAY_MS };
/** Everything is due: the time of writing is known to the second. */
const AGED = { segmentMs: -1_000 };
/** Large enough to be spilled, and an eighth of a segment. */
const LARGE = 'x'.repeat(20_000);

let storage: LogOptions;
let log: Log;
let topicId: string;
const call = (): Call => newCall(storage.clock);
const pk = (partition = 0): string => partitionKey(topicId, partition);

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
  ({ topicId } = await log.createTopic({ name: 'orders', partitionCount: 2 }, call()));
});

const produce = (value: string, options: { partition?: number; on?: Log } = {}): ReturnType<Log['produce']> =>
  (options.on ?? log).produce(
    { topic: 'orders', partition: options.partition ?? 0, batches: batchOf(value) },
    call(),
  );

const seal = (settings: Partial<SealSettings> = {}, forCall = call(), partition = 0): Promise<SealOutcome> =>
  sealOnce(engineParts(storage), pk(partition), { ...SETTINGS, ...settings }, forCall);

async function segments(partition = 0): Promise<Segment[]> {
  const range = { from: SEGMENT_PREFIX, to: `${SEGMENT_PREFIX}9`, limit: 100, consistent: true };
  return (await storage.catalog.query(pk(partition), range, call())).items.map(segmentFromItem);
}

/** As a new process sees it. */
async function readAll(offset = 0, partition = 0): Promise<string[]> {
  const fresh = await openMemoryLog(storage);
  const found: string[] = [];
  for (let at = offset; ; ) {
    const { batches, nextOffset } = await fresh.fetch({ topic: 'orders', partition, offset: at }, call());
    found.push(...textOf(batches));
    if (nextOffset === at) return found;
    at = nextOffset;
  }
}

describe('a look at what is unsealed', () => {
  const costOf = async (settings: Partial<SealSettings> = {}): Promise<readonly [string, number, number]> => {
    const asked = call();
    const { kind } = await seal(settings, asked);
    return [kind, asked.meter.usage.tableReads, asked.meter.usage.readUnits];
  };

  it('costs one read of the hot table where nothing is, and two where it is not due, whatever lies between', async () => {
    expect(await costOf()).toEqual(['notDue', 2, 2]);
    for (let i = 0; i < 50; i += 1) await produce(`v${i}`.repeat(100));
    expect(await costOf()).toEqual(['notDue', 3, 3]);
  });

  it('finds it due by bytes, or by the age of the oldest chunk', async () => {
    for (let i = 0; i < 20; i += 1) await produce('v'.repeat(100));
    expect((await costOf({ segmentBytes: 100_000 }))[0]).toBe('notDue');
    expect((await costOf({ segmentBytes: 2_000 }))[0]).toBe('sealed');
    expect((await costOf(AGED))[0]).toBe('sealed');
    expect((await segments()).map(({ baseOffset, endOffset }) => [baseOffset, endOffset])).toEqual([
      [0, 12],
      [12, 20],
    ]);
  });

  it('that guessed far too high leaves the chunks to grow', async () => {
    await produce('v'.repeat(5_000));
    for (let i = 0; i < 20; i += 1) await produce('v');
    await produce('v'.repeat(5_000));
    expect((await costOf({ segmentBytes: 50_000 }))[0]).toBe('notDue');
    expect(await segments()).toEqual([]);
  });
});

describe('an object that one chunk fills', () => {
  it('becomes a segment without a copy', async () => {
    await produce(LARGE);
    await produce('b');
    const asked = call();
    expect(await seal(AGED, asked)).toMatchObject({ kind: 'sealed' });
    expect(asked.meter.usage).toMatchObject({ objectPuts: 0, objectGets: 1, tableWrites: 1 });
    const [segment] = await segments();
    expect(segment).toMatchObject({ baseOffset: 0, endOffset: 1, index: [{ offset: 0, position: 0 }] });
    expect(segment?.objectKey).toMatch(/^spill\/[^/]+\/00000000000000000000\.log$/);
    expect(await readAll()).toEqual([`0:${LARGE}`, '1:b']);
  });

  it('is copied if it is small, and then shares a segment with its neighbours', async () => {
    await produce(LARGE);
    await produce('b');
    await seal({ ...AGED, segmentBytes: 1_000_000 });
    const [segment] = await segments();
    expect(segment).toMatchObject({ baseOffset: 0, endOffset: 2 });
    expect(segment?.objectKey).toMatch(/^segments\//);
  });

  it('is copied if it was uploaded for another place than it won', async () => {
    const other = await openMemoryLog(storage);
    await produce('first', { on: other });
    await produce('a');
    // The other process still takes 1 for the tail.
    await produce(LARGE, { on: other });
    await seal(AGED);
    await seal(AGED);
    expect((await segments()).every(({ objectKey }) => objectKey?.startsWith('segments/'))).toBe(true);
    expect(await readAll()).toEqual(['0:first', '1:a', `2:${LARGE}`]);
  });

  it('is copied if it is longer than the chunk', async () => {
    await produce(LARGE);
    const get: LogOptions['bucket']['get'] = async (key, range, forCall) => {
      const bytes = await storage.bucket.get(key, range, forCall);
      return bytes && range?.start === 0 && range.length > bytes.length
        ? Buffer.concat([bytes, new Uint8Array(range.length - bytes.length)])
        : bytes;
    };
    const parts = engineParts({ ...storage, bucket: { ...storage.bucket, get } });
    await sealOnce(parts, pk(), { ...SETTINGS, ...AGED }, call());
    expect((await segments())[0]?.objectKey).toMatch(/^segments\//);
  });
});

it('an object that two partitions share is copied into a segment for each', async () => {
  await Promise.all([produce(LARGE), produce(LARGE, { partition: 1 })]);
  for (const partition of [0, 1]) {
    await seal(AGED, call(), partition);
    expect((await segments(partition))[0]?.objectKey).toMatch(/^segments\//);
    expect(await readAll(0, partition)).toEqual([`0:${LARGE}`]);
  }
});

describe('what was deleted before it was sealed', () => {
  it('becomes a link without an object, for one read', async () => {
    for (const value of ['a', 'b', 'c', 'd']) await produce(value);
    await log.deleteRecords({ topic: 'orders', partition: 0, offset: 3 }, call());
    const asked = call();
    expect(await seal(AGED, asked)).toMatchObject({ kind: 'sealed' });
    expect(asked.meter.usage).toMatchObject({ objectPuts: 0, objectGets: 0, tableReads: 5 });
    expect(await segments()).toMatchObject([{ baseOffset: 0, endOffset: 3, objectKey: undefined, bytes: 0 }]);
    await seal(AGED);
    expect(await segments()).toMatchObject([{ endOffset: 3 }, { baseOffset: 3, endOffset: 4 }]);
    expect(await readAll(3)).toEqual(['3:d']);
  });

  it('may have gaps that would otherwise stop the sealer', async () => {
    for (const value of ['a', 'b', 'c', 'd']) await produce(value);
    const { item } = await storage.hot.get({ pk: pk(), sk: 1 }, { consistent: true }, call());
    await storage.hot.delete({ pk: pk(), sk: 1 }, { ifVersion: item?.version ?? '' }, call());
    await expect(seal(AGED)).rejects.toThrow('gap at offset 1');
    await log.deleteRecords({ topic: 'orders', partition: 0, offset: 2 }, call());
    await seal(AGED);
    await seal(AGED);
    expect(await segments()).toMatchObject([
      { baseOffset: 0, endOffset: 2, objectKey: undefined },
      { baseOffset: 2, endOffset: 4 },
    ]);
  });

  it('stops within a chunk where the log starts within it', async () => {
    await produce('a');
    await log.produce({ topic: 'orders', partition: 0, batches: batchOf('b', 'c', 'd') }, call());
    await log.deleteRecords({ topic: 'orders', partition: 0, offset: 2 }, call());
    await seal(AGED);
    await seal(AGED);
    expect((await segments()).map(({ baseOffset, endOffset }) => [baseOffset, endOffset])).toEqual([
      [0, 1],
      [1, 4],
    ]);
  });
});

it('two sealers at once leave one chain', async () => {
  for (let i = 0; i < 10; i += 1) await produce(`v${i}`);
  const outcomes = await Promise.all([seal(AGED), seal(AGED)]);
  expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['lost', 'sealed']);
  expect(await segments()).toMatchObject([{ baseOffset: 0, endOffset: 10 }]);
});
