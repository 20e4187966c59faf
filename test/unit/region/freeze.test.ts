import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { openMaintenance } from '../../../lib/maintenance.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { openRegion } from '../../../lib/open-region.ts';
import { chunkFromItem, chunkToItem, partitionKey } from '../../../lib/partition/chunk.ts';
import { closePartition } from '../../../lib/partition/close-partition.ts';
import type { Region } from '../../../lib/region.ts';
import { verifyTopic } from '../../../lib/segment/verify/verify.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { Item, Table } from '../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import {
  batchOf,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
  textOf,
} from '../../support/log-on-memory.ts';

let storage: LogOptions;
let log: Log;
/** Another process. */
let other: Log;
let region: Region;
const call = (ms = 10_000): Call => newCall(storage.clock, { ms });

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
  other = await openMemoryLog(storage);
  region = openRegion(engineParts(storage));
  await log.createTopic({ name: 't', partitionCount: 2 }, call());
});

const produce = (by: Log, value: string, topic = 't', partition = 0): ReturnType<Log['produce']> =>
  by.produce({ topic, partition, batches: batchOf(value) }, call());

const stored = async (topic = 't', partition = 0): Promise<string[]> =>
  textOf((await other.fetch({ topic, partition, offset: 0 }, call())).batches);

const keyOf = async (topic = 't', partition = 0): Promise<string> =>
  partitionKey((await log.describeTopic(topic, call())).topicId, partition);

describe('a frozen region', () => {
  it('takes no record from anybody, however stale what they know', async () => {
    await produce(log, 'a');
    await produce(other, 'b');
    expect(await region.freeze(call())).toMatchObject({
      state: 'FROZEN',
      partitionCount: 2,
      closedCount: 2,
      isComplete: true,
    });
    const fresh = await openMemoryLog(storage);
    for (const by of [log, other, fresh]) {
      expect(await refusal(produce(by, 'no'))).toBe('REGION_FROZEN');
      expect(await refusal(produce(by, 'no', 't', 1))).toBe('REGION_FROZEN');
    }
    expect(await stored()).toEqual(['0:a', '1:b']);
  });

  it('is read as ever, and its end stays where it is', async () => {
    await produce(log, 'a');
    await region.freeze(call());
    expect((await log.listOffsets({ topic: 't', partition: 0, at: 'latest' }, call())).offset).toBe(1);
    const waited = await log.fetch({ topic: 't', partition: 0, offset: 1, waitMs: 60 }, call());
    expect(waited).toMatchObject({ batches: [], nextOffset: 1, highWatermark: 1 });
    expect(await stored()).toEqual(['0:a']);
  });

  it('goes on where it ended once it is thawed, for everybody at once', async () => {
    await produce(log, 'a');
    await region.freeze(call());
    expect(await refusal(produce(other, 'b'))).toBe('REGION_FROZEN');
    expect(await region.thaw(call())).toMatchObject({ state: 'OPEN', closedCount: 0, isComplete: true });
    expect((await produce(other, 'b')).baseOffset).toBe(1);
    expect((await produce(log, 'c')).baseOffset).toBe(2);
    expect(await stored()).toEqual(['0:a', '1:b', '2:c']);
  });

  it('is sealed as ever, is sound, and goes on behind what was sealed', async () => {
    await log.alterConfigs('t', [{ name: 'segment.bytes', value: '14' }], { validateOnly: false }, call());
    await produce(log, 'a');
    await region.freeze(call());
    const { counts } = await openMaintenance(engineParts(storage)).run('seal', 't', call());
    expect(counts.sealedCount).toBe(1);
    const topic = await new TopicCatalog({ ...engineParts(storage), partitionCountDefault: 1 }).describe(
      't',
      call(),
    );
    expect(await verifyTopic(engineParts(storage), topic, call())).toMatchObject({ findingCount: 0 });
    await region.thaw(call());
    expect((await produce(other, 'b')).baseOffset).toBe(1);
    expect(await verifyTopic(engineParts(storage), topic, call())).toMatchObject({ findingCount: 0 });
  });

  it('freezes topics that are made meanwhile, and partitions that are added', async () => {
    await region.freeze(call());
    await log.createTopic({ name: 'new' }, call());
    await log.createPartitions('t', 3, call());
    expect(await refusal(produce(other, 'x', 'new'))).toBe('REGION_FROZEN');
    expect(await refusal(produce(other, 'x', 't', 2))).toBe('REGION_FROZEN');
    expect(await region.describe(call())).toMatchObject({
      partitionCount: 4,
      closedCount: 4,
      isComplete: true,
    });
    await region.thaw(call());
    expect((await produce(other, 'x', 'new')).baseOffset).toBe(0);
    expect((await produce(other, 'x', 't', 2)).baseOffset).toBe(0);
  });

  it('freezes a topic whose creation was under way when it was frozen', async () => {
    let isFrozen = false;
    // The freeze runs whole between the creator's look at the region and its put.
    const put: Table<string>['put'] = async (item, options, forCall) => {
      if (item.sk === 'late' && !isFrozen) {
        isFrozen = true;
        expect(await region.freeze(call())).toMatchObject({ isComplete: true });
      }
      return storage.catalog.put(item, options, forCall);
    };
    const creator = await openMemoryLog({ ...storage, catalog: { ...storage.catalog, put } });
    await creator.createTopic({ name: 'late' }, call());
    expect(await refusal(produce(other, 'x', 'late'))).toBe('REGION_FROZEN');
    expect(await region.describe(call())).toMatchObject({ closedCount: 3, isComplete: true });
  });

  it('may be frozen again and thawed again: nothing is written for it', async () => {
    await region.freeze(call());
    const again = call();
    expect(await region.freeze(again)).toMatchObject({ state: 'FROZEN', isComplete: true });
    expect(again.meter.usage.tableWrites).toBe(0);
    await region.thaw(call());
    const thawedAgain = call();
    expect(await region.thaw(thawedAgain)).toMatchObject({ state: 'OPEN', isComplete: true });
    expect(thawedAgain.meter.usage.tableWrites).toBe(0);
  });

  it('tells since when; one that was never frozen has no such time, and is left without a trace by thaw', async () => {
    const untouched = await region.thaw(call());
    expect(untouched).toEqual({ state: 'OPEN', partitionCount: 2, closedCount: 0, isComplete: true });
    const { sinceMs = 0 } = await region.freeze(call());
    expect(Math.abs(sinceMs - storage.clock.wallMs())).toBeLessThan(60_000);
  });
});

describe('a freeze', () => {
  it('that is cut off says so, and goes on when it is asked for again', async () => {
    expect(await region.freeze(call(500))).toMatchObject({
      state: 'FROZEN',
      closedCount: 0,
      isComplete: false,
    });
    expect((await produce(log, 'a')).baseOffset).toBe(0);
    expect(await region.describe(call())).toMatchObject({ state: 'FROZEN', isComplete: false });
    expect(await region.freeze(call())).toMatchObject({ closedCount: 2, isComplete: true });
    expect(await refusal(produce(log, 'b'))).toBe('REGION_FROZEN');
  });

  it('replaces what an earlier one has left, so that a late thaw of that one opens nothing', async () => {
    const parts = engineParts(storage);
    const pk = await keyOf();
    await closePartition(parts, pk, call(), 'an earlier freeze');
    // Thawing has seen this marker, and that the region was open.
    const seen = (await storage.hot.query(pk, { reverse: true, limit: 1, consistent: true }, call()))
      .items[0];
    await region.freeze(call());
    if (seen === undefined) throw new Error('there is no marker');
    expect(await storage.hot.delete(seen, { ifVersion: seen.version }, call())).toEqual({ deleted: false });
    expect(await refusal(produce(log, 'a'))).toBe('REGION_FROZEN');
  });

  it('that begins while an earlier one is being thawed is not undone by that', async () => {
    await region.freeze(call());
    let isFrozenAgain = false;
    // The thaw has changed the state; before it looks at the first marker, the region is frozen once more.
    const query: Table<number>['query'] = async (...args) => {
      if (!isFrozenAgain) {
        isFrozenAgain = true;
        expect(await region.freeze(call())).toMatchObject({ state: 'FROZEN', isComplete: true });
      }
      return storage.hot.query(...args);
    };
    const slow = openRegion(engineParts({ ...storage, hot: { ...storage.hot, query } }));
    expect(await slow.thaw(call())).toMatchObject({ state: 'FROZEN', closedCount: 2, isComplete: true });
    for (const partition of [0, 1]) {
      expect(await refusal(produce(other, 'a', 't', partition))).toBe('REGION_FROZEN');
    }
  });

  it('that is thawed while it is under way leaves nothing closed', async () => {
    let isThawed = false;
    const put: Table<number>['put'] = async (item, options, forCall) => {
      if (!isThawed) {
        isThawed = true;
        await region.thaw(call());
      }
      return storage.hot.put(item, options, forCall);
    };
    const slow = openRegion(engineParts({ ...storage, hot: { ...storage.hot, put } }));
    expect(await slow.freeze(call())).toMatchObject({ state: 'OPEN', closedCount: 0, isComplete: true });
    expect((await produce(log, 'a')).baseOffset).toBe(0);
  });

  it('whose marker comes late, after the thaw, is seen; thawing again opens the partition', async () => {
    await produce(log, 'a');
    await region.freeze(call());
    const pk = await keyOf();
    const marker = (await storage.hot.query(pk, { reverse: true, limit: 1, consistent: true }, call()))
      .items[0];
    await region.thaw(call());
    if (marker === undefined) throw new Error('there is no marker');
    await storage.hot.put(marker, { condition: { kind: 'ifAbsent' } }, call());
    expect(await region.describe(call())).toMatchObject({ state: 'OPEN', closedCount: 1, isComplete: false });
    expect(await region.thaw(call())).toMatchObject({ closedCount: 0, isComplete: true });
    expect((await produce(other, 'b')).baseOffset).toBe(1);
  });
});

describe('a topic that is deleted in a frozen region', () => {
  it('stays closed when the region is thawed', async () => {
    await produce(other, 'a');
    const pk = await keyOf();
    await region.freeze(call());
    await log.deleteTopic('t', call());
    await region.thaw(call());
    // `other` still knows the topic, and where it ended.
    expect(await refusal(produce(other, 'b'))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    const { items } = await storage.hot.query(pk, { limit: 10, consistent: true }, call());
    expect(items.map((item) => chunkFromItem(item).body)).toEqual([
      expect.objectContaining({ kind: 'inline' }),
      { kind: 'closed' },
    ]);
  });
});

describe('an append that was on its way when its partition was frozen', () => {
  /** A process whose first hot put is lost on the way, and comes in when the test says so. */
  async function withLateAppend(): Promise<{ log: Log; arrive: () => Promise<boolean> }> {
    let late: Item<number> | undefined;
    const put: Table<number>['put'] = async (item, options, forCall) => {
      if (late !== undefined) return storage.hot.put(item, options, forCall);
      late = item;
      await region.freeze(call());
      throw new StorageFault('interrupted', 'the connection broke', { mayHaveHappened: true });
    };
    const arrive = async (): Promise<boolean> => {
      if (late === undefined) throw new Error('nothing was sent');
      return (await storage.hot.put(late, { condition: { kind: 'ifAbsent' } }, call())).stored;
    };
    return { log: await openMemoryLog({ ...storage, hot: { ...storage.hot, put } }), arrive };
  }

  it('is not said to have failed for good: it may come in when the region is thawed', async () => {
    const { log: sender, arrive } = await withLateAppend();
    expect(await refusal(produce(sender, 'a'))).toBe('REQUEST_TIMED_OUT');
    expect(await arrive()).toBe(false);
    await region.thaw(call());
    expect(await arrive()).toBe(true);
    expect((await produce(other, 'b')).baseOffset).toBe(1);
    expect(await stored()).toEqual(['0:a', '1:b']);
  });
});

describe('the marker of a freeze', () => {
  it('is one that older versions take for a closed marker, and tells its freeze', () => {
    const item = chunkToItem('p:0', {
      baseOffset: 7,
      endOffset: 7,
      version: 'v',
      maxTimestampMs: -1,
      identities: [],
      body: { kind: 'closed', freeze: 'f1' },
    });
    expect(item.attributes).toMatchObject({ c: true, z: 'f1', n: 0 });
    expect(chunkFromItem(item).body).toEqual({ kind: 'closed', freeze: 'f1' });
  });
});
