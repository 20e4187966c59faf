import { describe, expect, it } from 'vitest';
import { refusal } from '../../../support/log-on-memory.ts';
import { flowWorld } from './flow-world.ts';

describe('flows among three regions', () => {
  it('copy each topic once along every path in a ring, and never back to where it has been', async () => {
    const world = await flowWorld(['a', 'b', 'c']);
    for (const alias of ['a', 'b', 'c']) {
      await world.region(alias).log.createTopic({ name: 'orders', partitionCount: 2 }, world.call());
      await world.produce(alias, 'orders', 1, `${alias}1`, `${alias}2`);
    }
    // a -> b -> c -> a
    for (const [source, target] of [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ] as const) {
      await world.flow(target, { source });
    }
    await world.settle();
    expect(await world.topics('a')).toEqual(['c.b.orders', 'c.orders', 'orders']);
    expect(await world.topics('b')).toEqual(['a.c.orders', 'a.orders', 'orders']);
    expect(await world.topics('c')).toEqual(['b.a.orders', 'b.orders', 'orders']);
    expect(await world.records('c', 'b.a.orders', 1)).toEqual(['0:a1', '1:a2']);
    expect(await world.records('a', 'c.b.orders', 1)).toEqual(['0:b1', '1:b2']);
    expect(world.faults).toEqual([]);
  });

  it('copy along every path when all flow into all, and come to an end', async () => {
    const world = await flowWorld(['a', 'b', 'c']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'one');
    for (const target of ['a', 'b', 'c']) {
      for (const source of ['a', 'b', 'c']) if (source !== target) await world.flow(target, { source });
    }
    await world.settle();
    await world.produce('a', 'orders', 0, 'two');
    await world.settle();
    expect(await world.topics('a')).toEqual(['orders']);
    expect(await world.topics('b')).toEqual(['a.orders', 'c.a.orders']);
    expect(await world.topics('c')).toEqual(['a.orders', 'b.a.orders']);
    expect(await world.records('b', 'c.a.orders')).toEqual(['0:one', '1:two']);
  });

  it('do not loop where names do not tell the way, as under identity', async () => {
    const world = await flowWorld(['a', 'b', 'c']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'one');
    for (const [source, target] of [
      ['a', 'b'],
      ['b', 'a'],
      ['b', 'c'],
      ['c', 'a'],
      ['c', 'b'],
    ] as const) {
      await world.flow(target, { source, policy: 'identity' });
    }
    await world.settle();
    for (const alias of ['a', 'b', 'c']) {
      expect(await world.topics(alias)).toEqual(['orders']);
      expect(await world.records(alias, 'orders')).toEqual(['0:one']);
    }
    const { progress } = await world.region('a').flows.describe('c', world.call());
    expect(progress?.topics).toEqual([]);
  });

  it('would copy in circles without the guard', async () => {
    const world = await flowWorld(['a', 'b'], { prefixGuard: false });
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'one');
    await world.flow('b', { source: 'a' });
    await world.flow('a', { source: 'b' });
    expect(
      await world.settle().then(
        () => 'ended',
        () => 'goes on',
      ),
    ).toBe('goes on');
    expect(await world.topics('a')).toContain('b.a.b.a.orders');
  });

  it('leave out what a name says has come through the target, whoever brought it', async () => {
    const world = await flowWorld(['a', 'b']);
    for (const name of ['b.orders', 'x.b.orders', 'x.orders']) {
      await world.region('a').log.createTopic({ name, partitionCount: 1 }, world.call());
    }
    await world.flow('b', { source: 'a' });
    await world.settle();
    expect(await world.topics('b')).toEqual(['a.x.orders']);
  });
});

describe('a copy', () => {
  it('takes no records of users', async () => {
    const world = await flowWorld(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.flow('b', { source: 'a' });
    await world.settle();
    expect(await refusal(world.produce('b', 'a.orders', 0, 'mine'))).toBe('POLICY_VIOLATION');
  });
});
