import { describe, expect, it } from 'vitest';
import type { TopicProgress } from '../../../../lib/flows.ts';
import { type FlowWorld, flowWorld } from './flow-world.ts';

async function orders(world: FlowWorld, region = 'a', partitionCount = 1): Promise<void> {
  await world.region(region).log.createTopic({ name: 'orders', partitionCount }, world.call());
}

async function progress(world: FlowWorld): Promise<readonly TopicProgress[]> {
  return (await world.region('b').flows.describe('a', world.call())).progress?.topics ?? [];
}

describe('topics of a flow', () => {
  it('are those that its patterns take in, and heartbeats, but nothing internal', async () => {
    const world = await flowWorld(['a', 'b']);
    const names = [
      'bills',
      'heartbeats',
      'orders',
      'orders-old',
      '__consumer_offsets',
      'mm2.internal',
      'x-internal',
    ];
    for (const name of names) await world.region('a').log.createTopic({ name }, world.call());
    await world.flow('b', { source: 'a', topics: ['orders.*', 'mm2.*', 'x.*'], topicsExclude: ['.*-old'] });
    await world.run('b', 'a');
    expect(await world.topics('b')).toEqual(['a.heartbeats', 'a.orders']);
  });

  it('follow new topics, partitions and configs of the source within a minute while it runs', async () => {
    const world = await flowWorld(['a', 'b']);
    const { log } = world.region('a');
    await log.createTopic(
      { name: 'orders', partitionCount: 1, configs: { 'retention.ms': '1' } },
      world.call(),
    );
    await world.flow('b', { source: 'a' });
    const running = world.run('b', 'a', { idleMs: 100_000 });
    await world.clock.sleep(5_000);
    const copy = await world.region('b').log.describeTopic('a.orders', world.call());
    expect(copy).toMatchObject({ partitionCount: 1, configs: { 'retention.ms': '1' } });

    await log.createPartitions('orders', 3, world.call());
    await world.produce('a', 'orders', 2, 'third');
    const alterations = [
      { name: 'retention.ms', value: undefined },
      { name: 'cleanup.policy', value: 'compact' },
    ];
    await log.alterConfigs('orders', alterations, { validateOnly: false }, world.call());
    await log.createTopic({ name: 'bills', partitionCount: 2 }, world.call());
    await world.produce('a', 'bills', 1, 'bill');
    await world.clock.sleep(60_000);
    const later = await world.region('b').log.describeTopic('a.orders', world.call());
    expect(later).toMatchObject({ partitionCount: 3, configs: { 'cleanup.policy': 'compact' } });
    expect(await world.records('b', 'a.orders', 2)).toEqual(['0:third']);
    expect(await world.records('b', 'a.bills', 1)).toEqual(['0:bill']);
    await running;
  });

  it('that have a name which is taken are told of and left alone, while the others are copied', async () => {
    const world = await flowWorld(['a', 'b', 'c']);
    await orders(world);
    await orders(world, 'c');
    await world.region('a').log.createTopic({ name: 'bills' }, world.call());
    await world.region('b').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'theirs');
    await world.produce('a', 'bills', 0, 'bill');
    await world.produce('b', 'orders', 0, 'ours');
    await world.flow('b', { source: 'a', policy: 'identity' });
    await world.flow('b', { source: 'c', policy: 'identity' });
    await world.run('b', 'a');
    await world.run('b', 'c');
    expect(await world.records('b', 'orders')).toEqual(['0:ours']);
    expect(await world.records('b', 'bills')).toEqual(['0:bill']);
    const [bills, told] = await progress(world);
    expect(bills).toMatchObject({ topic: 'bills', state: 'CAUGHT_UP', reason: '' });
    expect(told).toMatchObject({ sourceTopic: 'orders', topic: 'orders', state: 'CONFLICT', partitions: [] });
    expect(told?.reason).toContain('no copy');
    const { progress: others } = await world.region('b').flows.describe('c', world.call());
    expect(others?.topics).toMatchObject([{ topic: 'orders', state: 'CONFLICT' }]);
  });

  it('that two flows would copy to one name belong to the first', async () => {
    const world = await flowWorld(['a', 'b', 'c']);
    await orders(world);
    await orders(world, 'c');
    await world.produce('c', 'orders', 0, 'from c');
    await world.flow('b', { source: 'c', policy: 'identity' });
    await world.flow('b', { source: 'a', policy: 'identity' });
    await world.run('b', 'c');
    await world.produce('a', 'orders', 0, 'from a');
    await world.run('b', 'a');
    expect(await world.records('b', 'orders')).toEqual(['0:from c']);
    expect(await progress(world)).toMatchObject([{ topic: 'orders', state: 'CONFLICT' }]);
  });

  it('whose copies would have too long a name are told of', async () => {
    const world = await flowWorld(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'x'.repeat(248) }, world.call());
    await world.flow('b', { source: 'a' });
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle' });
    expect(await progress(world)).toMatchObject([{ state: 'CONFLICT' }]);
    expect(await world.topics('b')).toEqual([]);
  });

  it('that were deleted and made anew in the source are told of and never mixed', async () => {
    const world = await flowWorld(['a', 'b']);
    await orders(world);
    await world.produce('a', 'orders', 0, 'old');
    await world.flow('b', { source: 'a' });
    await world.run('b', 'a');

    await world.region('a').log.deleteTopic('orders', world.call());
    await orders(world);
    await world.produce('a', 'orders', 0, 'new', 'newer');
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle', copiedRecords: 0 });
    expect(await world.records('b', 'a.orders')).toEqual(['0:old']);
    expect(await progress(world)).toMatchObject([{ topic: 'a.orders', state: 'SOURCE_RECREATED' }]);

    // Whoever has read the old copy to its end deletes it, and the new topic is copied.
    await world.region('b').log.deleteTopic('a.orders', world.call());
    await world.run('b', 'a');
    expect(await world.records('b', 'a.orders')).toEqual(['0:new', '1:newer']);
  });

  it('that are gone from the source stay in the target', async () => {
    const world = await flowWorld(['a', 'b']);
    await orders(world);
    await world.produce('a', 'orders', 0, 'last');
    await world.flow('b', { source: 'a' });
    await world.run('b', 'a');
    await world.region('a').log.deleteTopic('orders', world.call());
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle' });
    expect(await world.records('b', 'a.orders')).toEqual(['0:last']);
    const [told] = await progress(world);
    expect(told).toMatchObject({ topic: 'a.orders', state: 'CAUGHT_UP' });
    expect(told?.reason).toContain('deleted in the source');
  });

  it('can be made by two replicators at once', async () => {
    const world = await flowWorld(['a', 'b']);
    for (let at = 0; at < 20; at += 1) {
      await world.region('a').log.createTopic({ name: `t${at}`, partitionCount: 2 }, world.call());
      await world.produce('a', `t${at}`, at % 2, 'one');
    }
    await world.flow('b', { source: 'a' });
    const shares = [0, 1].map((index) => world.run('b', 'a', { share: { index, count: 2 } }));
    expect(await Promise.all(shares)).toMatchObject([{ ended: 'idle' }, { ended: 'idle' }]);
    expect(await world.topics('b')).toHaveLength(20);
    for (let at = 0; at < 20; at += 1) {
      expect(await world.records('b', `a.t${at}`, at % 2)).toEqual(['0:one']);
    }
    const rows = await progress(world);
    expect(rows.map(({ partitions, state }) => [partitions.length, state])).toEqual(
      Array(20).fill([2, 'CAUGHT_UP']),
    );
    expect(world.faults).toEqual([]);
  });
});
