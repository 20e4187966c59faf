import { describe, expect, it } from 'vitest';
import type { NewFlow } from '../../../../lib/flows.ts';
import { refusal } from '../../../support/log-on-memory.ts';
import { flowWorld } from './flow-world.ts';

describe('a flow', () => {
  it('is described with everything that was left to its defaults', async () => {
    const world = await flowWorld(['a', 'b']);
    const flow = await world.flow('b', { source: 'a' });
    expect(flow).toEqual({
      source: 'a',
      target: 'b',
      policy: 'prefixed',
      separator: '.',
      topics: ['.*'],
      topicsExclude: [],
      groups: ['.*'],
      groupsExclude: [],
      start: 'earliest',
      relays: [],
      state: 'RUNNING',
      createdMs: world.clock.wallMs(),
    });
    expect(await world.region('b').flows.list(world.call())).toEqual([flow]);
    expect(await world.region('b').flows.describe('a', world.call())).toEqual(flow);
    expect(await world.region('a').flows.list(world.call())).toEqual([]);
  });

  it('comes back from storage as it was made', async () => {
    const world = await flowWorld(['a', 'b']);
    const wanted = {
      source: 'a',
      policy: 'prefixed',
      separator: '-from-',
      topics: ['orders', 'bill.*'],
      topicsExclude: ['bills-old'],
      groups: ['g\\d+'],
      groupsExclude: ['g0'],
      start: { timestampMs: 1_700_000_000_000 },
    } as const;
    await world.flow('b', wanted);
    expect(await world.region('b').flows.describe('a', world.call())).toMatchObject(wanted);
  });

  const refused: readonly (readonly [string, NewFlow])[] = [
    ['into itself', { source: 'b' }],
    ['from a region that is not known', { source: 'atlantis' }],
    ['from what cannot be an alias', { source: 'a b' }],
    ['from nowhere', { source: '' }],
    ['under a policy that there is not', { source: 'a', policy: 'copied' as 'prefixed' }],
    ['with a pattern that is none', { source: 'a', topics: ['orders('] }],
    ['with an exclusion that is none', { source: 'a', topicsExclude: ['['] }],
    ['with a pattern of groups that is none', { source: 'a', groups: ['*'] }],
    ['without patterns', { source: 'a', topics: [] }],
    ['with an empty pattern', { source: 'a', topics: [''] }],
    ['with a pattern that never ends', { source: 'a', topics: ['x'.repeat(2_000)] }],
    ['with more patterns than an item takes', { source: 'a', topics: Array(1_001).fill('x') }],
    ['of internal topics', { source: 'a', topics: ['__consumer_offsets'] }],
    ['of all that is internal', { source: 'a', topics: ['.*\\.internal'] }],
    ['with no separator', { source: 'a', separator: '' }],
    ['with a separator that no topic has', { source: 'a', separator: '/' }],
    ['with a separator that stands in its alias', { source: 'a', separator: 'a' }],
    ['from before the beginning', { source: 'a', start: { offset: -1 } }],
    ['from half an offset', { source: 'a', start: { offset: 0.5 } }],
    ['from a time that is none', { source: 'a', start: { timestampMs: Number.NaN } }],
    ['from a start that is none', { source: 'a', start: 'newest' as 'latest' }],
  ];
  it.each(refused)('%s is refused, and nothing is stored', async (_, wanted) => {
    const world = await flowWorld(['a', 'b']);
    expect(await refusal(world.flow('b', wanted))).toBe('INVALID_REQUEST');
    expect(await world.region('b').flows.list(world.call())).toEqual([]);
  });

  it('is one for each source', async () => {
    const world = await flowWorld(['a', 'b', 'c']);
    await world.flow('b', { source: 'a' });
    expect(await refusal(world.flow('b', { source: 'a', policy: 'identity' }))).toBe('INVALID_REQUEST');
    await world.flow('b', { source: 'c' });
    const flows = await world.region('b').flows.list(world.call());
    expect(flows.map(({ source, policy }) => [source, policy])).toEqual([
      ['a', 'prefixed'],
      ['c', 'prefixed'],
    ]);
  });

  it('that is not there cannot be described, paused, resumed, deleted or run', async () => {
    const world = await flowWorld(['a', 'b']);
    const { flows } = world.region('b');
    for (const change of [flows.describe, flows.pause, flows.resume, flows.delete]) {
      expect(await refusal(change('a', world.call()))).toBe('UNKNOWN_FLOW');
    }
    expect(await world.run('b', 'a')).toEqual({
      ended: 'noFlow',
      copiedRecords: 0,
      copiedBytes: 0,
      gaps: [],
    });
  });
});

describe('pausing a flow', () => {
  it('ends its copying within a minute, and resuming goes on where the copy ends', async () => {
    const world = await flowWorld(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'one');
    await world.flow('b', { source: 'a' });
    const running = world.run('b', 'a', { idleMs: 300_000 });
    await world.clock.sleep(5_000);
    expect(await world.records('b', 'a.orders')).toEqual(['0:one']);

    const pausedMs = world.clock.monotonicMs();
    expect(await world.region('b').flows.pause('a', world.call())).toMatchObject({ state: 'PAUSED' });
    expect(await running).toMatchObject({ ended: 'paused', copiedRecords: 1 });
    expect(world.clock.monotonicMs() - pausedMs).toBeLessThan(61_000);
    await world.produce('a', 'orders', 0, 'two');
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'paused', copiedRecords: 0 });
    expect(await world.records('b', 'a.orders')).toEqual(['0:one']);

    expect(await world.region('b').flows.resume('a', world.call())).toMatchObject({ state: 'RUNNING' });
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle', copiedRecords: 1 });
    expect(await world.records('b', 'a.orders')).toEqual(['0:one', '1:two']);
  });
});

describe('deleting a flow', () => {
  it('ends its copying within a minute and leaves its copies as they are, read-only', async () => {
    const world = await flowWorld(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'one');
    await world.flow('b', { source: 'a' });
    const running = world.run('b', 'a', { idleMs: 300_000 });
    await world.clock.sleep(15_000);
    await world.region('b').flows.delete('a', world.call());
    expect(await running).toMatchObject({ ended: 'noFlow' });

    expect(await world.region('b').flows.list(world.call())).toEqual([]);
    expect(await world.records('b', 'a.orders')).toEqual(['0:one']);
    expect(await refusal(world.produce('b', 'a.orders', 0, 'mine'))).toBe('POLICY_VIOLATION');
  });

  it('makes room for another, which goes on with the copies and knows nothing of what was noted', async () => {
    const world = await flowWorld(['a', 'b']);
    await world.region('a').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'one');
    await world.flow('b', { source: 'a' });
    await world.run('b', 'a');
    await world.region('b').flows.delete('a', world.call());
    const again = await world.flow('b', { source: 'a' });
    expect(again.progress).toBeUndefined();
    await world.produce('a', 'orders', 0, 'two');
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle', copiedRecords: 1 });
    expect(await world.records('b', 'a.orders')).toEqual(['0:one', '1:two']);
  });

  it('cannot be undone by a creation that is retried late', async () => {
    const world = await flowWorld(['a', 'b']);
    const { catalog } = world.region('b').storage;
    const first = await world.flow('b', { source: 'a' });
    const { item } = await catalog.get({ pk: 'flows', sk: 'flow#a' }, { consistent: true }, world.call());
    await world.region('b').flows.delete('a', world.call());
    if (item === undefined) throw new Error('not stored');
    const late = await catalog.put(item, { condition: { kind: 'ifAbsent' } }, world.call());
    expect(late.stored).toBe(false);
    expect(first.state).toBe('RUNNING');
    expect(await world.region('b').flows.list(world.call())).toEqual([]);
  });
});
