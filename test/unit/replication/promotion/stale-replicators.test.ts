import { describe, expect, it } from 'vitest';
import { openGroups } from '../../../../lib/open-groups.ts';
import { engineParts } from '../../../../lib/open-log.ts';
import { partitionKey } from '../../../../lib/partition/chunk.ts';
import { readFlow } from '../../../../lib/replication/flows/flow-store.ts';
import { openErrands } from '../../../../lib/replication/groups/open-errands.ts';
import { LEASE_MS } from '../../../../lib/replication/lease.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../../lib/topic/topic-catalog.ts';
import { type FlowWorld, flowWorld } from '../flows/flow-world.ts';
import { passive, promote, sourceId } from './stand-by.ts';

describe('a replicator that does not know of the promotion', () => {
  /** It sleeps with the first put of a chunk that it is about to send. */
  async function asleep(world: FlowWorld): Promise<{ wake(): void; readonly running: Promise<unknown> }> {
    const { storage } = world.region('east');
    const sleeping = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const hot: Table<number> = {
      ...storage.hot,
      put: async (...args) => {
        sleeping.resolve();
        await woken.promise;
        return storage.hot.put(...args);
      },
    };
    world.cutOff.clear();
    const target = engineParts({ ...storage, hot });
    const running = world.run('east', 'west', { target, idleMs: 5_000 });
    await sleeping.promise;
    return { wake: woken.resolve, running };
  }

  const promoted = async (world: FlowWorld): Promise<void> => {
    const lastMs = world.clock.monotonicMs() + 2 * LEASE_MS;
    while (!(await promote(world)).isComplete) expect(world.clock.monotonicMs()).toBeLessThan(lastMs);
  };

  it('adds nothing behind what was written here', async () => {
    const world = await passive();
    const sleeper = await asleep(world);
    await promoted(world);
    for (const partition of [0, 1]) await world.produce('east', 'orders', partition, 'ours');
    sleeper.wake();
    await sleeper.running;
    expect(await world.records('east', 'orders', 0)).toEqual(['0:a', '1:b', '2:ours']);
    expect(await world.records('east', 'orders', 1)).toEqual(['0:c', '1:ours']);
  });

  it('adds what it had sent where nobody has written, at its own offset, and nothing more', async () => {
    const world = await passive();
    await world.produce('west', 'orders', 0, 'latest');
    const sleeper = await asleep(world);
    await promoted(world);
    sleeper.wake();
    await sleeper.running;
    const found = await world.records('east', 'orders', 0);
    expect(['2:late', '3:latest'].slice(0, found.length - 2)).toEqual(found.slice(2));
    await world.clock.sleep(120_000);
    expect(await world.records('east', 'orders', 0)).toEqual(found);
    await world.produce('east', 'orders', 0, 'ours');
    expect(await world.records('east', 'orders', 0)).toEqual([...found, `${found.length}:ours`]);
  });

  it('that has slept between two chunks finds out before it adds anything', async () => {
    const world = await passive();
    world.cutOff.clear();
    const { parts, storage } = world.region('east');
    const { createCopier } = await import('../../../../lib/replication/copy/create-copier.ts');
    const { observeNow } = await import('../../../../lib/storage/observation.ts');
    const { topicId } = await world.region('east').log.describeTopic('orders', world.call());
    const copier = createCopier({ target: parts, source: world.region('west').parts }).partition({
      sourcePk: partitionKey(await sourceId(world, 'orders'), 0),
      targetPk: partitionKey(topicId, 0),
      sourceTopic: 'orders',
      targetTopic: 'orders',
      start: 'earliest',
    });
    const topicSeen = observeNow(storage.clock);
    const settings = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };
    const step = () => copier.copyOnce({ settings, topicSeen }, world.call());
    expect((await step()).kind).toBe('copied');
    await promote(world);
    await world.produce('west', 'orders', 0, 'more');
    await world.clock.sleep(90_000);
    expect(await step()).toEqual({ kind: 'released', position: 3 });
    expect(await world.records('east', 'orders', 0)).toEqual(['0:a', '1:b', '2:late']);
  });

  it('whose put failed before the promotion finds out before it adds anything', async () => {
    const world = await passive();
    world.cutOff.clear();
    const { storage } = world.region('east');
    const { createCopier } = await import('../../../../lib/replication/copy/create-copier.ts');
    const { observeNow } = await import('../../../../lib/storage/observation.ts');
    const { topicId } = await world.region('east').log.describeTopic('orders', world.call());
    let isFailing = false;
    const hot: Table<number> = {
      ...storage.hot,
      put: async (...args) => {
        if (isFailing) throw new StorageFault('refused', 'not now');
        return storage.hot.put(...args);
      },
    };
    const target = engineParts({ ...storage, hot });
    const copier = createCopier({ target, source: world.region('west').parts }).partition({
      sourcePk: partitionKey(await sourceId(world, 'orders'), 0),
      targetPk: partitionKey(topicId, 0),
      sourceTopic: 'orders',
      targetTopic: 'orders',
      start: 'earliest',
    });
    const topicSeen = observeNow(storage.clock);
    const settings = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };
    const step = () => copier.copyOnce({ settings, topicSeen }, world.call());
    expect((await step()).kind).toBe('copied');
    await world.produce('west', 'orders', 0, 'theirs');
    await world.produce('west', 'orders', 0, 'theirs, too');
    isFailing = true;
    expect((await step()).kind).toBe('failed');
    await promote(world);
    await world.produce('east', 'orders', 0, 'ours');
    isFailing = false;
    expect(await step()).toEqual({ kind: 'released', position: 4 });
    expect(await world.records('east', 'orders', 0)).toEqual(['0:a', '1:b', '2:late', '3:ours']);
  });

  it('does not decide any more where an empty copy begins', async () => {
    const world = await flowWorld(['west', 'east']);
    await world.region('west').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('west', 'orders', 0, 'old', 'older');
    await world.flow('east', { source: 'west', policy: 'identity', start: 'latest' });
    const { storage } = world.region('east');
    const sleeping = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const catalog: Table<string> = {
      ...storage.catalog,
      put: async (item, ...args) => {
        if (item.sk === 'start') {
          sleeping.resolve();
          await woken.promise;
        }
        return storage.catalog.put(item, ...args);
      },
    };
    const running = world.run('east', 'west', { target: engineParts({ ...storage, catalog }) });
    await sleeping.promise;
    await promoted(world);
    await world.produce('east', 'orders', 0, 'ours');
    woken.resolve();
    await running;
    expect(await world.records('east', 'orders')).toEqual(['0:ours']);
    expect((await promote(world)).topics[0]?.endOffsets).toEqual([0]);
  });

  it('carries no position into what was written here', async () => {
    const world = await passive();
    const { storage, flows } = world.region('east');
    const west = world.region('west');
    const groupId = 'billing';
    const offsets = [{ topic: 'orders', partition: 0, offset: 3 }];
    await openGroups(west.parts, west.log).commit({ groupId, offsets }, world.call());
    const { flow } = await readFlow(storage, 'west', world.call());
    const [source, target] = await Promise.all(
      [west.parts, world.region('east').parts].map((parts) =>
        new TopicCatalog({ ...parts, partitionCountDefault: 1 }).describe('orders', world.call()),
      ),
    );
    if (flow === undefined || source === undefined || target === undefined) throw new Error('not there');
    const asleep = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const hot: Table<number> = {
      ...storage.hot,
      query: async (...args) => {
        asleep.resolve();
        await woken.promise;
        return storage.hot.query(...args);
      },
    };
    const errands = openErrands(engineParts({ ...storage, hot }), { region: 'east' });
    const context = { flow, source: { alias: 'west', parts: west.parts }, copiedRecords: 0 };
    const errand = errands.find(({ name }) => name.includes('group')) ?? errands[0];
    const running = errand?.run({ ...context, topics: [{ source, target }] }, world.call());
    await asleep.promise;
    await flows.promote('west', world.call());
    await world.produce('east', 'orders', 0, 'ours', 'ours, too');
    woken.resolve();
    await running;
    const here = openGroups(world.region('east').parts, world.region('east').log);
    const found = await here.committed(groupId, undefined, world.call());
    expect(found.filter(({ offset }) => offset > 2)).toEqual([]);
  });

  it('sets no configs and adds no partitions', async () => {
    const world = await passive();
    world.cutOff.clear();
    const west = world.region('west').log;
    await west.alterConfigs(
      'orders',
      [{ name: 'retention.ms', value: '5' }],
      { validateOnly: false },
      world.call(),
    );
    await west.createPartitions('orders', 4, world.call());
    const { storage } = world.region('east');
    let isPromoted = false;
    const catalog: Table<string> = {
      ...storage.catalog,
      put: async (item, ...args) => {
        // Between its look at the topics and what it makes of it.
        if (item.sk === 'orders' && !isPromoted) {
          isPromoted = true;
          const seen = (
            await storage.catalog.get({ pk: item.pk, sk: 'orders' }, { consistent: true }, world.call())
          ).item;
          if (seen !== undefined) {
            const { r: _remote, ...attributes } = seen.attributes;
            const m = { s: 'west', i: await sourceId(world, 'orders'), e: '2 1' };
            await storage.catalog.put(
              { ...seen, version: 'promoted', attributes: { ...attributes, m } },
              { condition: { kind: 'ifVersion', version: seen.version } },
              world.call(),
            );
          }
        }
        return storage.catalog.put(item, ...args);
      },
    };
    await world.run('east', 'west', { target: engineParts({ ...storage, catalog }), idleMs: 0 });
    expect(isPromoted).toBe(true);
    expect(await world.region('east').log.describeTopic('orders', world.call())).toMatchObject({
      partitionCount: 2,
      configs: {},
    });
  });
});
