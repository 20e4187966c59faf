import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../../lib/open-log.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../../lib/topic/topic-catalog.ts';
import { refusal } from '../../../support/log-on-memory.ts';
import { type FlowWorld, flowWorld } from './flow-world.ts';

/** Regions that all write to `orders` and copy from each other. */
async function mesh(aliases: readonly string[]): Promise<FlowWorld> {
  const world = await flowWorld(aliases);
  for (const target of aliases) {
    for (const source of aliases) {
      if (source !== target) await world.flow(target, { source, policy: 'merged', topics: ['orders'] });
    }
  }
  return world;
}

/** The values of one region, in the order in which they stand in another. */
async function valuesOf(world: FlowWorld, where: string, written: string): Promise<string[]> {
  const values = (await world.records(where, 'orders')).map((text) => text.slice(text.indexOf(':') + 1));
  return values.filter((value) => value.startsWith(written));
}

const told = async (world: FlowWorld, target: string, source: string) =>
  (await world.region(target).flows.describe(source, world.call())).progress?.topics;

describe('a topic that is written in several regions', () => {
  it('has every record of each once in all of them, in the order of its region', async () => {
    const aliases = ['a', 'b', 'c'];
    const world = await mesh(aliases);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'a0', 'a1');
    await world.settle();
    for (const alias of aliases) await world.produce(alias, 'orders', 0, `${alias}2`, `${alias}3`);
    await world.produce('b', 'orders', 0, 'b4');
    await world.settle();
    for (const alias of aliases) {
      expect(await world.topics(alias)).toEqual(['orders']);
      expect(await world.records(alias, 'orders')).toHaveLength(9);
      expect(await valuesOf(world, alias, 'a')).toEqual(['a0', 'a1', 'a2', 'a3']);
      expect(await valuesOf(world, alias, 'b')).toEqual(['b2', 'b3', 'b4']);
      expect(await valuesOf(world, alias, 'c')).toEqual(['c2', 'c3']);
    }
    expect(world.faults).toEqual([]);
  });

  it('takes what was there before in each', async () => {
    const world = await mesh(['a', 'b']);
    for (const alias of ['a', 'b']) {
      await world.region(alias).log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
      await world.produce(alias, 'orders', 0, `${alias}0`, `${alias}1`);
    }
    await world.settle();
    for (const alias of ['a', 'b']) {
      expect(await valuesOf(world, alias, 'a')).toEqual(['a0', 'a1']);
      expect(await valuesOf(world, alias, 'b')).toEqual(['b0', 'b1']);
    }
  });

  it('has as many partitions as the region with the most', async () => {
    const world = await mesh(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.settle();
    await world.region('b').log.createPartitions('orders', 4, world.call());
    await world.produce('b', 'orders', 3, 'fourth');
    await world.settle();
    expect(await world.records('a', 'orders', 3)).toEqual(['0:fourth']);
  });

  it('is told of and not mixed with one that was made anew', async () => {
    const world = await mesh(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'a0', 'a1');
    await world.settle();
    await world.region('a').log.deleteTopic('orders', world.call());
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'x0', 'x1', 'x2', 'x3');
    await world.run('b', 'a');
    expect(await world.records('b', 'orders')).toEqual(['0:a0', '1:a1']);
    expect(await told(world, 'b', 'a')).toMatchObject([{ topic: 'orders', state: 'SOURCE_RECREATED' }]);
  });

  it('cannot be compacted, nor be the copy of another', async () => {
    const world = await mesh(['a', 'b']);
    const configs = { 'cleanup.policy': 'compact' };
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1, configs }, world.call());
    await world.run('b', 'a');
    expect(await world.topics('b')).toEqual([]);
    expect(await told(world, 'b', 'a')).toMatchObject([{ topic: 'orders', state: 'CONFLICT' }]);

    const other = await flowWorld(['a', 'b', 'c']);
    await other.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, other.call());
    await other.region('c').log.createTopic({ name: 'orders', partitionCount: 1 }, other.call());
    await other.flow('b', { source: 'a', policy: 'identity' });
    await other.flow('b', { source: 'c', policy: 'merged' });
    await other.run('b', 'a');
    await other.run('b', 'c');
    expect(await told(other, 'b', 'c')).toMatchObject([{ topic: 'orders', state: 'CONFLICT' }]);
  });

  it('refuses to be compacted once it has records of others, or is about to', async () => {
    const world = await mesh(['a', 'b']);
    const { log } = world.region('b');
    const compacted = (value: string, validateOnly = false): Promise<void> => {
      const alterations = [{ name: 'cleanup.policy', value }];
      return log.alterConfigs('orders', alterations, { validateOnly }, world.call());
    };
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.settle();
    for (const value of ['compact', 'compact,delete']) {
      expect(await refusal(compacted(value))).toBe('INVALID_CONFIG');
      expect(await refusal(compacted(value, true))).toBe('INVALID_CONFIG');
    }
    expect((await log.describeTopic('orders', world.call())).configs).not.toHaveProperty('cleanup.policy');
    await log.createTopic({ name: 'other', partitionCount: 1 }, world.call());
    const alterations = [{ name: 'cleanup.policy', value: 'compact' }];
    await log.alterConfigs('other', alterations, { validateOnly: false }, world.call());
    await log.deleteTopic('orders', world.call());
    await log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await compacted('compact');
  });

  it('is not compacted by whoever saw it before it was bound', async () => {
    const world = await mesh(['a', 'b']);
    const { storage } = world.region('b');
    for (const alias of ['a', 'b']) {
      await world.region(alias).log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    }
    let runs = 0;
    const catalog: Table<string> = {
      ...storage.catalog,
      put: async (item, ...rest) => {
        // Between its look at the topic and its put the flow binds the topic.
        if (item.pk === 'topics' && runs === 0) {
          runs += 1;
          await world.run('b', 'a');
        }
        return storage.catalog.put(item, ...rest);
      },
    };
    const topics = new TopicCatalog({ ...engineParts({ ...storage, catalog }), partitionCountDefault: 1 });
    const alterations = [{ name: 'cleanup.policy', value: 'compact' }];
    const altering = topics.alterConfigs('orders', alterations, { validateOnly: false }, world.call());
    expect(await refusal(altering)).toBe('INVALID_CONFIG');
  });

  it('cannot be one that was a copy, here or there', async () => {
    const world = await flowWorld(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'a0');
    await world.flow('b', { source: 'a', policy: 'identity' });
    await world.run('b', 'a');
    await world.region('b').flows.promote('a', world.call());
    await world.flow('b', { source: 'a', policy: 'merged' });
    await world.flow('a', { source: 'b', policy: 'merged' });
    await world.run('b', 'a');
    await world.run('a', 'b');
    for (const [target, source] of [
      ['b', 'a'],
      ['a', 'b'],
    ] as const) {
      expect(await told(world, target, source)).toMatchObject([
        { topic: 'orders', state: 'CONFLICT', reason: expect.stringContaining('was a copy') },
      ]);
    }
    expect(await world.records('a', 'orders')).toEqual(['0:a0']);
  });

  it('leaves heartbeats to each region', async () => {
    const world = await flowWorld(['a', 'b']);
    for (const alias of ['a', 'b']) {
      await world.region(alias).log.createTopic({ name: 'heartbeats', partitionCount: 1 }, world.call());
    }
    await world.produce('a', 'heartbeats', 0, 'beat');
    await world.flow('b', { source: 'a', policy: 'merged' });
    await world.flow('a', { source: 'b', policy: 'merged' });
    await world.settle();
    expect(await world.topics('b')).toEqual(['a.heartbeats', 'heartbeats']);
    expect(await world.records('b', 'a.heartbeats')).toEqual(['0:beat']);
    expect(await refusal(world.produce('b', 'a.heartbeats', 0, 'mine'))).toBe('POLICY_VIOLATION');
  });

  it('begins with the first records of each region', async () => {
    const world = await flowWorld(['a', 'b']);
    const flow = { source: 'a', policy: 'merged', start: 'latest' } as const;
    expect(await refusal(world.flow('b', flow))).toBe('INVALID_CONFIG');
  });
});
