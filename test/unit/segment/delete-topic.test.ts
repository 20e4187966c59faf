import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { type RemovalReport, removeDeletedTopics } from '../../../lib/segment/sweep/delete-topic.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';

const HOUR_MS = 3_600_000;

class Scene {
  readonly clock: ManualClock = manualClock();
  readonly storage: LogOptions = memoryStorage(this.clock);
  readonly parts: EngineParts = engineParts(this.storage);
  readonly call = (): Call => newCall(this.clock);
  readonly log: Promise<Log> = openMemoryLog(this.storage);

  /** Two partitions; the first with a sealed chunk, an unsealed one, one with a key, and a log start. */
  async topic(name: string): Promise<string> {
    const { topicId } = await (await this.log).createTopic({ name, partitionCount: 2 }, this.call());
    const place = { topic: name, partition: 0 };
    await (await this.log).produce({ ...place, batches: batchOf('a') }, this.call());
    const settings = { segmentBytes: 1, segmentMs: 1, hotRetentionMs: 604_800_000 };
    await sealOnce(this.parts, `${topicId}:0`, settings, this.call());
    await (await this.log).produce({ ...place, batches: batchOf('b'), idempotencyKey: 'k' }, this.call());
    await (await this.log).deleteRecords({ ...place, offset: 1 }, this.call());
    return topicId;
  }

  run(
    options: { readonly leavesToExpiry?: boolean; readonly parts?: EngineParts } = {},
  ): Promise<RemovalReport> {
    const { leavesToExpiry = false, parts = this.parts } = options;
    return removeDeletedTopics(parts, { leavesToExpiry }, this.call());
  }

  /** Items and objects of a topic, and whether it stands in the ledger. */
  async left(topicId: string): Promise<{ hot: number; catalog: number; objects: number; ledger: boolean }> {
    const range = { limit: 100, consistent: true };
    let hot = 0;
    let catalog = 0;
    for (const pk of [`${topicId}:0`, `${topicId}:1`]) {
      hot += (await this.parts.hot.query(pk, range, this.call())).items.length;
      for (const key of [pk, `attempt#${pk}`]) {
        catalog += (await this.parts.catalog.query(key, range, this.call())).items.length;
      }
    }
    const { objects } = await this.parts.bucket.list(`segments/${topicId}/`, { limit: 9 }, this.call());
    const key = { pk: 'deleted', sk: topicId };
    const { item } = await this.parts.catalog.get(key, { consistent: true }, this.call());
    return { hot, catalog, objects: objects.length, ledger: item !== undefined };
  }
}

const NOTHING = { hot: 0, catalog: 0, objects: 0, ledger: false };

describe('what a deleted topic leaves', () => {
  it('stays for two hours, then all of it is removed, and nothing of other topics', async () => {
    const scene = new Scene();
    const [gone, kept] = [await scene.topic('gone'), await scene.topic('kept')];
    const before = await scene.left(kept);
    await (await scene.log).deleteTopic('gone', scene.call());
    const full = { hot: 4, catalog: 3, objects: 1, ledger: true };
    expect(await scene.left(gone)).toEqual(full);
    expect(await scene.run()).toMatchObject({ waitingCount: 1, removedCount: 0, isComplete: true });
    scene.clock.advance(2 * HOUR_MS - 1);
    expect(await scene.run()).toMatchObject({ waitingCount: 1, removedItemCount: 0 });
    expect(await scene.left(gone)).toEqual(full);
    scene.clock.advance(1);
    expect(await scene.run()).toEqual({
      resumedCount: 0,
      removedCount: 1,
      removedItemCount: 7,
      removedObjectCount: 1,
      waitingCount: 0,
      isComplete: true,
    });
    expect(await scene.left(gone)).toEqual(NOTHING);
    expect(await scene.left(kept)).toEqual(before);
    expect(await scene.run()).toMatchObject({ removedCount: 0, removedItemCount: 0, waitingCount: 0 });
  });

  it('has its expiring items left to storage where that is free', async () => {
    const scene = new Scene();
    const topicId = await scene.topic('t');
    await (await scene.log).deleteTopic('t', scene.call());
    await scene.run();
    scene.clock.advance(2 * HOUR_MS);
    // Two markers, the segment and the log start; two chunks and an attempt will expire.
    expect(await scene.run({ leavesToExpiry: true })).toMatchObject({ removedCount: 1, removedItemCount: 4 });
    expect(await scene.left(topicId)).toEqual({ hot: 2, catalog: 1, objects: 0, ledger: false });
  });

  it('is removed although the name stands for a new topic', async () => {
    const scene = new Scene();
    const old = await scene.topic('t');
    await (await scene.log).deleteTopic('t', scene.call());
    const young = await scene.topic('t');
    await scene.run();
    scene.clock.advance(2 * HOUR_MS);
    await scene.run();
    expect(await scene.left(old)).toEqual(NOTHING);
    expect(await scene.left(young)).toMatchObject({ objects: 1, ledger: false });
    const { offset } = await (await scene.log).listOffsets(
      { topic: 't', partition: 0, at: 'latest' },
      scene.call(),
    );
    expect(offset).toBe(2);
  });

  it('is removed by a later run when one is cut off after any step', async () => {
    for (let steps = 0; steps < 12; steps += 1) {
      const scene = new Scene();
      const topicId = await scene.topic('t');
      await (await scene.log).deleteTopic('t', scene.call());
      await scene.run();
      scene.clock.advance(2 * HOUR_MS);
      await scene.run({ parts: dying(scene.parts, steps) }).catch(() => undefined);
      const { ledger, ...rest } = await scene.left(topicId);
      if (!ledger) expect(rest).toEqual({ hot: 0, catalog: 0, objects: 0 });
      expect((await scene.run()).isComplete).toBe(true);
      expect(await scene.left(topicId)).toEqual(NOTHING);
    }
  });

  it('is removed by several at once', async () => {
    const scene = new Scene();
    const topicId = await scene.topic('t');
    await (await scene.log).deleteTopic('t', scene.call());
    await Promise.all([scene.run(), scene.run(), scene.run()]);
    scene.clock.advance(2 * HOUR_MS);
    await Promise.all([scene.run(), scene.run(), scene.run()]);
    expect(await scene.left(topicId)).toEqual(NOTHING);
  });

  it('waits when there is no time left', async () => {
    const scene = new Scene();
    await scene.topic('t');
    await (await scene.log).deleteTopic('t', scene.call());
    await scene.run();
    scene.clock.advance(2 * HOUR_MS);
    const report = await removeDeletedTopics(
      scene.parts,
      { leavesToExpiry: false },
      { ...scene.call(), deadlineMs: scene.clock.monotonicMs() },
    );
    expect(report).toMatchObject({ removedCount: 0, isComplete: false });
  });
});

describe('a deletion that was cut off', () => {
  it('is finished without anybody asking for it again', async () => {
    const scene = new Scene();
    const topicId = await scene.topic('t');
    const dead = await openMemoryLog({ ...scene.storage, hot: dying(scene.parts, 0).hot });
    await expect(dead.deleteTopic('t', scene.call())).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(await scene.left(topicId)).toMatchObject({ ledger: false });
    expect(await scene.run()).toMatchObject({ resumedCount: 1, waitingCount: 1 });
    scene.clock.advance(2 * HOUR_MS);
    expect(await scene.run()).toMatchObject({ resumedCount: 0, removedCount: 1 });
    expect(await scene.left(topicId)).toEqual(NOTHING);
  });
});

describe('a writer that knows a deleted topic', () => {
  it('meets the marker, and when that is gone its look at the topic is too old', async () => {
    const scene = new Scene();
    const topicId = await scene.topic('t');
    const { hot } = scene.parts;
    let frozen = true;
    const writer = await openMemoryLog({
      ...scene.storage,
      clock: { ...scene.clock, sleep: async (ms) => scene.clock.advance(ms) },
      hot: {
        ...hot,
        query: async (...args) => {
          if (frozen) {
            frozen = false;
            await (await scene.log).deleteTopic('t', scene.call());
            await scene.run();
            scene.clock.advance(2 * HOUR_MS);
            await scene.run();
          }
          return hot.query(...args);
        },
      },
    });
    const call = newCall(scene.clock, { ms: 10 * HOUR_MS });
    const late = writer.produce({ topic: 't', partition: 0, batches: batchOf('late') }, call);
    await expect(late).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    expect(await scene.left(topicId)).toEqual(NOTHING);
  });
});

/** Lets so many writes through, then refuses all. */
function dying(parts: EngineParts, count: number): EngineParts {
  let left = count;
  const pass = (): void => {
    if (left <= 0) throw new StorageFault('refused', 'crashed');
    left -= 1;
  };
  const guarded = <T extends EngineParts['hot'] | EngineParts['catalog']>(table: T): T =>
    new Proxy(table, {
      get: (target, name) => {
        const own: unknown = Reflect.get(target, name);
        if (typeof own !== 'function') return own;
        return async (...args: unknown[]) => {
          if (name === 'put' || name === 'delete') pass();
          return Reflect.apply(own, target, args);
        };
      },
    });
  return {
    ...parts,
    hot: guarded(parts.hot),
    catalog: guarded(parts.catalog),
    bucket: {
      ...parts.bucket,
      delete: async (keys, call) => {
        pass();
        return parts.bucket.delete(keys, call);
      },
    },
  };
}
