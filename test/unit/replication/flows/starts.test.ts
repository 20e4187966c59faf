import { describe, expect, it } from 'vitest';
import type { FlowStart } from '../../../../lib/flows.ts';
import { encodeBatch } from '../../../../lib/record/index.ts';
import { codecs, textRecord } from '../../../support/log-on-memory.ts';
import { type FlowWorld, flowWorld } from './flow-world.ts';

/** A topic of two partitions, the first with a record at 1, 2 and 3 seconds. */
async function beginning(start: FlowStart): Promise<FlowWorld> {
  const world = await flowWorld(['a', 'b']);
  const { log } = world.region('a');
  await log.createTopic({ name: 'orders', partitionCount: 2 }, world.call());
  for (const second of [1, 2, 3]) {
    const record = textRecord(`${second}`, { timestampMs: second * 1_000 });
    const batches = encodeBatch(codecs, [record], { compression: 'none' });
    await log.produce({ topic: 'orders', partition: 0, batches }, world.call());
  }
  await world.flow('b', { source: 'a', start });
  return world;
}

describe('a flow that begins', () => {
  const all = ['0:1', '1:2', '2:3'];
  const cases: readonly (readonly [string, FlowStart, readonly string[]])[] = [
    ['at the earliest record copies all', 'earliest', all],
    ['at the latest copies what comes from then on', 'latest', []],
    ['at a time copies from there on', { timestampMs: 1_500 }, all.slice(1)],
    ['at a time that has not come copies what comes', { timestampMs: 99_000 }, []],
    ['at an offset copies from there on', { offset: 2 }, all.slice(2)],
    ['behind the end copies what comes', { offset: 99 }, []],
  ];
  it.each(cases)('%s, at the same offsets', async (_, start, before) => {
    const world = await beginning(start);
    await world.run('b', 'a');
    expect(await world.records('b', 'a.orders')).toEqual(before);
    await world.produce('a', 'orders', 0, 'new');
    await world.run('b', 'a');
    expect(await world.records('b', 'a.orders')).toEqual([...before, '3:new']);
  });

  it('at the latest loses nothing that came after it had seen an empty partition', async () => {
    const world = await beginning('latest');
    await world.run('b', 'a');
    await world.produce('a', 'orders', 1, 'one', 'two');
    await world.run('b', 'a');
    expect(await world.records('b', 'a.orders', 1)).toEqual(['0:one', '1:two']);
  });

  it('at the latest copies topics and partitions that come later from their beginning', async () => {
    const world = await beginning('latest');
    await world.run('b', 'a');
    const { log } = world.region('a');
    await log.createTopic({ name: 'bills', partitionCount: 1 }, world.call());
    await log.createPartitions('orders', 3, world.call());
    await world.produce('a', 'bills', 0, 'bill');
    await world.produce('a', 'orders', 2, 'third');
    await world.run('b', 'a');
    expect(await world.records('b', 'a.bills')).toEqual(['0:bill']);
    expect(await world.records('b', 'a.orders', 2)).toEqual(['0:third']);
    expect(await world.records('b', 'a.orders', 0)).toEqual([]);
  });

  it('at the latest begins there even if its first run is cut off before anything is copied', async () => {
    const world = await beginning('latest');
    const { catalog } = world.region('b').parts;
    let puts = 0;
    const dying = {
      ...catalog,
      put: (...args: Parameters<typeof catalog.put>) => {
        puts += 1;
        // The lease and the topic, and nothing more.
        return puts > 2 ? Promise.reject(new Error('died')) : catalog.put(...args);
      },
    };
    await world
      .run('b', 'a', { target: { ...world.region('b').parts, catalog: dying } })
      .catch(() => undefined);
    await world.clock.sleep(60_000);
    expect(await world.topics('b')).toEqual(['a.orders']);
    await world.run('b', 'a');
    expect(await world.records('b', 'a.orders')).toEqual([]);
    await world.produce('a', 'orders', 0, 'new');
    await world.run('b', 'a');
    expect(await world.records('b', 'a.orders')).toEqual(['3:new']);
  });

  it('is told of offsets that the source had trimmed before they were copied', async () => {
    const world = await beginning('earliest');
    await world.run('b', 'a');
    await world.produce('a', 'orders', 0, 'lost', 'kept');
    await world.region('a').log.deleteRecords({ topic: 'orders', partition: 0, offset: 5 }, world.call());
    await world.produce('a', 'orders', 0, 'next');
    expect(await world.run('b', 'a')).toMatchObject({
      gaps: [{ topic: 'orders', partition: 0, from: 3, to: 5 }],
    });
    expect(await world.run('b', 'a')).toMatchObject({ gaps: [] });
    expect(await world.records('b', 'a.orders')).toEqual([...all, '5:next']);
    const { progress } = await world.region('b').flows.describe('a', world.call());
    expect(progress?.topics[0]?.partitions[0]).toEqual({
      partition: 0,
      position: 6,
      sourceEnd: 6,
      gap: { from: 3, to: 5 },
    });
  });
});
