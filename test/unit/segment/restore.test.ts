import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import { chunkFromItem, partitionKey } from '../../../lib/partition/chunk.ts';
import { readLeaderEpochs } from '../../../lib/partition/leader-epochs.ts';
import { readBatchHeader } from '../../../lib/record/index.ts';
import { applyRestore, planRestore, type RestorePlan } from '../../../lib/segment/restore/restore.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { verifyTopic } from '../../../lib/segment/verify/verify.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { Item, SortKey, Table } from '../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { batchOf, memoryStorage, newCall, textOf } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';

const DAY_MS = 86_400_000;
const LARGE = 'x'.repeat(20_000);

let clock: ManualClock;
let storage: LogOptions;
let log: Log;
let pk: string;
const call = (): Call => newCall(clock);

const produce = (value: string, on: Log = log): ReturnType<Log['produce']> =>
  on.produce({ topic: 'orders', partition: 0, batches: batchOf(value) }, call());

/** Everything there is. */
const seal = (): ReturnType<typeof sealOnce> => {
  clock.advance(1_000);
  const settings = { segmentBytes: 1e9, segmentMs: 1, hotRetentionMs: 7 * DAY_MS };
  return sealOnce(engineParts(storage), pk, settings, call());
};

/** The tables as they are now, for good; the bucket is shared and goes on. */
async function restoredLater(): Promise<LogOptions> {
  const tables = memoryStorage(clock);
  const { topicId } = await log.describeTopic('orders', call());
  await copy(storage.hot, tables.hot, [partitionKey(topicId, 0)]);
  await copy(storage.catalog, tables.catalog, ['cluster', 'topics', 'maintenance', partitionKey(topicId, 0)]);
  return { ...tables, bucket: storage.bucket };
}

async function copy<S extends SortKey>(from: Table<S>, to: Table<S>, pks: readonly string[]): Promise<void> {
  for (const each of pks) {
    const page = await from.query(each, { limit: 1_000, consistent: true }, call());
    for (const item of page.items) await to.put(item, { condition: { kind: 'ifAbsent' } }, call());
  }
}

async function restore(onto: LogOptions): Promise<RestorePlan> {
  const parts = engineParts(onto);
  const plan = await planRestore(parts, call());
  await applyRestore(parts, plan, call());
  return plan;
}

beforeEach(async () => {
  clock = manualClock();
  storage = memoryStorage(clock);
  log = await openLog(storage, call());
  await log.createTopic({ name: 'orders' }, call());
  pk = partitionKey((await log.describeTopic('orders', call())).topicId, 0);
  await produce('a');
  await seal();
  await produce('b');
});

describe('tables restored to a point in time', () => {
  it('tell which offsets the bucket knows beyond them', async () => {
    const earlier = await restoredLater();
    for (const value of ['c', 'd', 'e']) await produce(value);
    await seal();
    await produce(LARGE);
    const { topics, lost } = await planRestore(engineParts(earlier), call());
    expect(topics).toMatchObject([{ leaderEpoch: 1, tails: [2] }]);
    expect(lost).toMatchObject({
      ranges: [{ pk, startOffset: 2, endOffset: 5 }],
      unknownTopics: [],
      uploads: { objectCount: 1 },
    });
  });

  it('tell of topics that they do not know', async () => {
    const earlier = await restoredLater();
    await log.createTopic({ name: 'later' }, call());
    const { topicId } = await log.describeTopic('later', call());
    await log.produce({ topic: 'later', partition: 0, batches: batchOf('x') }, call());
    pk = partitionKey(topicId, 0);
    await seal();
    const { lost } = await planRestore(engineParts(earlier), call());
    expect(lost.unknownTopics).toEqual([{ topicId, objectCount: 1, bytes: expect.any(Number) }]);
  });

  it('that nothing is lost from say so', async () => {
    const { lost } = await planRestore(engineParts(await restoredLater()), call());
    expect(lost).toEqual({ ranges: [], unknownTopics: [], uploads: { objectCount: 0, bytes: 0 } });
  });

  it('give the lost offsets again, under a higher leader epoch whose beginning is noted', async () => {
    const earlier = await restoredLater();
    await produce('lost');
    await restore(earlier);
    const restored = await openLog(earlier, call());
    expect(await restored.describeTopic('orders', call())).toMatchObject({ leaderEpoch: 1 });
    expect(await produce('new', restored)).toMatchObject({ baseOffset: 2 });
    const { batches } = await restored.fetch({ topic: 'orders', partition: 0, offset: 1 }, call());
    expect(textOf(batches)).toEqual(['1:b', '2:new']);
    expect(batches.map((batch) => readBatchHeader(batch).leaderEpoch)).toEqual([0, 1]);
    const { epochs } = await readLeaderEpochs(earlier.catalog, pk, call());
    expect(epochs).toEqual([{ leaderEpoch: 1, startOffset: 2 }]);
  });

  it('keep what was not sealed although it would have expired by now', async () => {
    const earlier = await restoredLater();
    clock.advance(30 * DAY_MS);
    await restore(earlier);
    const page = await earlier.hot.query(pk, { from: 1, limit: 10, consistent: true }, call());
    const expiries = page.items.map((item: Item<number>) => chunkFromItem(item).expiresAtSeconds ?? 0);
    expect(expiries.every((seconds) => seconds * 1000 >= clock.wallMs() + 7 * DAY_MS)).toBe(true);
  });

  it('forget what a sweep had put aside', async () => {
    const cursor = { pk: 'maintenance', sk: 'sweep', version: 'v', attributes: { f: 1, a: 'spill/x' } };
    await storage.catalog.put(cursor, { condition: { kind: 'ifAbsent' } }, call());
    const earlier = await restoredLater();
    await restore(earlier);
    const { item } = await earlier.catalog.get(
      { pk: 'maintenance', sk: 'sweep' },
      { consistent: true },
      call(),
    );
    expect(item).toBeUndefined();
  });

  it('are sound after it, also when it is done twice', async () => {
    const earlier = await restoredLater();
    for (const value of ['c', LARGE]) await produce(value);
    await seal();
    await restore(earlier);
    await restore(earlier);
    const restored = await openLog(earlier, call());
    for (const value of ['again', LARGE]) await produce(value, restored);
    const parts = engineParts(earlier);
    const topic = await new TopicCatalog({ ...parts, partitionCountDefault: 1 }).describe('orders', call());
    expect(topic.leaderEpoch).toBe(2);
    expect(await verifyTopic(parts, topic, call())).toMatchObject({ findings: [], isComplete: true });
  });
});

it('spilled batches keep their leader epoch when they are read and sealed', async () => {
  await restore(storage);
  const again = await openLog(storage, call());
  await produce(LARGE, again);
  const epochs = async (): Promise<number[]> => {
    const { batches } = await again.fetch({ topic: 'orders', partition: 0, offset: 2 }, call());
    return batches.map((batch) => readBatchHeader(batch).leaderEpoch);
  };
  expect(await epochs()).toEqual([1]);
  await seal();
  clock.advance(DAY_MS);
  expect(await epochs()).toEqual([1]);
});
