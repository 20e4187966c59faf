import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { ALL_RULES } from '../../../lib/rules.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { segmentFromItem, segmentObjectKey, segmentToItem } from '../../../lib/segment/segment-item.ts';
import { type SweepOptions, type SweepReport, sweepOnce } from '../../../lib/segment/sweep/sweep.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { batchOf, memoryStorage, newCall, textOf } from '../../support/log-on-memory.ts';
import { sealDue } from '../../support/seal-due.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LARGE = 'x'.repeat(20_000);

let clock: ManualClock;
let storage: LogOptions;
let log: Log;
let topicId: string;
const call = (): Call => newCall(clock);

beforeEach(async () => {
  clock = manualClock();
  storage = memoryStorage(clock);
  log = await openLog(storage, call());
  await log.createTopic({ name: 'orders', partitionCount: 2 }, call());
  topicId = (await log.describeTopic('orders', call())).topicId;
});

const produce = (value: string, partition = 0): ReturnType<Log['produce']> =>
  log.produce({ topic: 'orders', partition, batches: batchOf(value) }, call());
const put = (key: string, bytes = 100): Promise<unknown> =>
  storage.bucket.put(key, new Uint8Array(bytes), call());
const sweep = (options: SweepOptions = {}, parts = engineParts(storage)): Promise<SweepReport> =>
  sweepOnce(parts, options, call());

async function keys(): Promise<string[]> {
  const { objects } = await storage.bucket.list('', { limit: 1_000 }, call());
  return objects.map(({ key }) => key);
}

async function values(partition = 0): Promise<string[]> {
  const { batches } = await log.fetch({ topic: 'orders', partition, offset: 0 }, call());
  return textOf(batches).map((text) => text.slice(0, 3));
}

const orphan = (base = 0): string => segmentObjectKey(partitionKey(topicId, 0), 'orphanorphanorph', base);

describe('an object that nothing refers to', () => {
  it.each(['spill/orphanorphanorph', 'sweep/orphanorphanorph'])('goes after a day: %s', async (key) => {
    await put(key);
    clock.advance(DAY_MS);
    expect(await sweep()).toMatchObject({ deletedCount: 1, deletedBytes: 100, isComplete: true });
    expect(await keys()).toEqual([]);
  });

  it('goes after a day if a sealer, or the work on a topic that is gone, left it', async () => {
    await put(orphan());
    await put(`segments/${'g'.repeat(22)}/0/orphanorphanorph/00000000000000000000.log`);
    await put(`segments/${topicId}/1/orphanorphanorph/offsets.map`);
    clock.advance(DAY_MS);
    expect(await sweep()).toMatchObject({ deletedCount: 3 });
  });

  it('stays until then', async () => {
    await put('spill/orphanorphanorph');
    clock.advance(DAY_MS - 1);
    expect(await sweep()).toMatchObject({ deletedCount: 0, kept: { young: 1 }, isComplete: true });
  });

  it('is judged by storage’s clock, not by that of a host that is ahead', async () => {
    await put('spill/orphanorphanorph');
    const serverMs = clock.wallMs();
    const get: LogOptions['catalog']['get'] = async (...asked) => {
      const { item, observation } = await storage.catalog.get(...asked);
      return { item, observation: { ...observation, serverMs } };
    };
    clock.stepWall(30 * DAY_MS);
    const parts = engineParts({ ...storage, catalog: { ...storage.catalog, get } });
    expect(await sweep({}, parts)).toMatchObject({ deletedCount: 0, kept: { young: 1 } });
  });

  it('goes at once when the rule of the grace is off', async () => {
    await put('spill/orphanorphanorph');
    const parts = engineParts({ ...storage, rules: { ...ALL_RULES, sweepGrace: false } });
    expect(await sweep({}, parts)).toMatchObject({ deletedCount: 1 });
  });
});

it('objects of others are reported and never deleted', async () => {
  const foreign = ['backup.tar', 'segments/notes.txt', 'spill/a/b'];
  for (const key of foreign) await put(key);
  clock.advance(30 * DAY_MS);
  expect(await sweep()).toMatchObject({ deletedCount: 0, foreign: { count: 3, examples: foreign } });
  expect(await keys()).toEqual(foreign);
});

describe('a spilled object', () => {
  it('stays while a chunk above the sealed end lies in it, however old', async () => {
    await produce(LARGE);
    clock.advance(30 * DAY_MS);
    expect(await sweep()).toMatchObject({ deletedCount: 0, kept: { referenced: 1 } });
    expect(await values()).toEqual(['0:x']);
  });

  it('stays after sealing until hot retention has passed, and then goes', async () => {
    await produce('a');
    await produce(LARGE);
    clock.advance(2 * DAY_MS);
    await sealDue(engineParts(storage), call());
    expect(await sweep()).toMatchObject({ deletedCount: 0, kept: { referenced: 1, young: 1 } });
    clock.advance(6 * DAY_MS);
    expect(await sweep()).toMatchObject({ deletedCount: 1, kept: { referenced: 1 } });
    expect(await values()).toEqual(['0:a', '1:x']);
  });

  it('stays when a segment has taken it over and its chunk is gone', async () => {
    const pk = partitionKey(topicId, 0);
    await produce(LARGE);
    const [key = ''] = await keys();
    const { item: chunk } = await storage.hot.get({ pk, sk: 0 }, { consistent: true }, call());
    const segment = {
      baseOffset: 0,
      endOffset: 1,
      version: 'v',
      objectKey: key,
      bytes: 20_000,
      firstTimestampMs: 0,
      maxTimestampMs: 0,
      index: [],
    };
    await storage.catalog.put(segmentToItem(pk, segment), { condition: { kind: 'ifAbsent' } }, call());
    await storage.hot.delete({ pk, sk: 0 }, { ifVersion: chunk?.version ?? '' }, call());
    clock.advance(30 * DAY_MS);
    expect(await sweep()).toMatchObject({ deletedCount: 0, kept: { referenced: 1 } });
  });

  it('that chunks of several partitions share goes when the last of them is over', async () => {
    await Promise.all([produce(LARGE, 0), produce(LARGE, 1)]);
    expect(await keys()).toHaveLength(1);
    clock.advance(2 * DAY_MS);
    expect(await sealPartition(0)).toBe('sealed');
    clock.advance(20 * DAY_MS);
    expect(await sweep()).toMatchObject({ deletedCount: 0 });
    expect(await values(1)).toEqual(['0:x']);
  });
});

async function sealPartition(partition: number): Promise<string> {
  const settings = { segmentBytes: 1e9, segmentMs: 1, hotRetentionMs: 7 * DAY_MS };
  const pk = partitionKey(topicId, partition);
  return (await sealOnce(engineParts(storage), pk, settings, call())).kind;
}

it('a segment’s object goes when its item has been replaced, and the new one stays', async () => {
  await produce('a');
  clock.advance(2 * DAY_MS);
  await sealPartition(0);
  const pk = partitionKey(topicId, 0);
  const [old = ''] = await keys();
  const { items } = await storage.catalog.query(pk, { from: 'seg#', limit: 1, consistent: true }, call());
  const [item] = items;
  if (item === undefined) throw new Error('nothing was sealed');
  const bytes = await storage.bucket.get(old, undefined, call());
  const copy = orphan();
  await storage.bucket.put(copy, bytes ?? new Uint8Array(), call());
  const swapped = { ...segmentFromItem(item), version: 'w', objectKey: copy };
  const condition = { kind: 'ifVersion', version: item.version } as const;
  await storage.catalog.put(segmentToItem(pk, swapped), { condition }, call());
  clock.advance(2 * DAY_MS);
  expect(await sweep()).toMatchObject({ deletedCount: 1, kept: { referenced: 1 } });
  expect(await keys()).toEqual([copy]);
  expect(await values()).toEqual(['0:a']);
});

it('objects of a deleted topic stay as long as its ledger and items do', async () => {
  await produce(LARGE);
  await log.deleteTopic('orders', call());
  clock.advance(30 * DAY_MS);
  expect(await sweep()).toMatchObject({ deletedCount: 0, kept: { referenced: 1 } });
});

it('nothing that a partition may refer to is deleted while its items cannot be read', async () => {
  await put('spill/orphanorphanorph');
  const segment = {
    pk: partitionKey(topicId, 1),
    sk: 'seg#00000000000000000000',
    version: 'v',
    attributes: { f: 99 },
  };
  await storage.catalog.put(segment, { condition: { kind: 'ifAbsent' } }, call());
  clock.advance(2 * DAY_MS);
  const report = await sweep();
  expect(report).toMatchObject({ deletedCount: 0, kept: { unsure: 1 } });
  expect(report.failures).toEqual([
    { partition: partitionKey(topicId, 1), reason: expect.stringContaining('format 99') },
  ]);
});

describe('a sweep in many runs', () => {
  beforeEach(async () => {
    for (let at = 0; at < 40; at += 1) await put(`spill/orphan${String(at).padStart(2, '0')}`);
    for (let at = 0; at < 20; at += 1) await put(orphan(at));
    await produce(LARGE);
    clock.advance(2 * DAY_MS);
  });

  /** Every storage request takes a second, so that a run of ten gets only so far. */
  const slowParts = (): ReturnType<typeof engineParts> => {
    const slow =
      <A extends unknown[], R>(work: (...asked: A) => Promise<R>) =>
      (...asked: A): Promise<R> => {
        clock.advance(1_000);
        return work(...asked);
      };
    const { hot, catalog, bucket } = storage;
    return engineParts({
      ...storage,
      hot: { ...hot, query: slow(hot.query) },
      catalog: { ...catalog, query: slow(catalog.query) },
      bucket: { ...bucket, list: slow(bucket.list), delete: slow(bucket.delete) },
    });
  };

  it('goes on where the one before stopped, in lots, and leaves nothing behind but what is referred to', async () => {
    let deletedCount = 0;
    let runs = 0;
    for (let isComplete = false; !isComplete; runs += 1) {
      expect(runs).toBeLessThan(100);
      const report = await sweepOnce(slowParts(), { lotObjectsMax: 1 }, newCall(clock, { ms: 12_000 }));
      deletedCount += report.deletedCount;
      isComplete = report.isComplete;
    }
    expect(runs).toBeGreaterThan(1);
    expect(deletedCount).toBe(60);
    expect(await keys()).toHaveLength(1);
    expect(await values()).toEqual(['0:x']);
  });

  it('begins at the first object again when it has been through', async () => {
    await sweep();
    await put('spill/aaaa');
    clock.advance(DAY_MS);
    expect(await sweep()).toMatchObject({ deletedCount: 1, isComplete: true });
  });

  it('by two sweepers at once deletes the same', async () => {
    const reports = await Promise.all([sweep(), sweep()]);
    expect(reports.some(({ isComplete }) => isComplete)).toBe(true);
    expect(await keys()).toHaveLength(1);
  });
});

it('the last listing of a lot comes before the first look at what refers to it', async () => {
  await put('spill/orphanorphanorph');
  clock.advance(2 * DAY_MS);
  const asked: string[] = [];
  const noting =
    <A extends unknown[], R>(what: string, work: (...args: A) => R) =>
    (...args: A): R => {
      asked.push(what);
      return work(...args);
    };
  const { hot, catalog, bucket } = storage;
  const parts = engineParts({
    ...storage,
    hot: { ...hot, query: noting('references', hot.query) },
    catalog: { ...catalog, query: noting('references', catalog.query) },
    bucket: { ...bucket, list: noting('list', bucket.list), delete: noting('delete', bucket.delete) },
  });
  await sweep({}, parts);
  expect(asked.lastIndexOf('list')).toBeLessThan(asked.indexOf('references'));
  expect(asked.lastIndexOf('references')).toBeLessThan(asked.indexOf('delete'));
});
