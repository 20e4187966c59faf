import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { SortKey, Table } from '../../../../lib/storage/table.ts';
import { type FlowWorld, flowWorld } from './flow-world.ts';

interface Counted {
  readonly parts: EngineParts;
  readonly reads: () => number;
  readonly writes: () => number;
}

/** Counts what is asked of the target's tables. */
function counting(parts: EngineParts): Counted {
  let reads = 0;
  let writes = 0;
  const counted = <S extends SortKey>(table: Table<S>): Table<S> => ({
    inlineBytesBreakEven: table.inlineBytesBreakEven,
    get: (...args) => {
      reads += 1;
      return table.get(...args);
    },
    query: (...args) => {
      reads += 1;
      return table.query(...args);
    },
    put: (...args) => {
      writes += 1;
      return table.put(...args);
    },
    delete: (...args) => {
      writes += 1;
      return table.delete(...args);
    },
  });
  const counting = { ...parts, hot: counted(parts.hot), catalog: counted(parts.catalog) };
  return { parts: counting, reads: () => reads, writes: () => writes };
}

async function caughtUp(partitionCount: number): Promise<FlowWorld> {
  const world = await flowWorld(['a', 'b']);
  await world.region('a').log.createTopic({ name: 'orders', partitionCount }, world.call());
  for (let partition = 0; partition < partitionCount; partition += 1) {
    await world.produce('a', 'orders', partition, 'one');
  }
  await world.flow('b', { source: 'a' });
  await world.run('b', 'a');
  world.asked.clear();
  return world;
}

describe('a flow that has nothing to copy', () => {
  it.each([1, 20])(
    'costs a look at the source for each of %i partition(s) when it is run, and the lease',
    async (count) => {
      const world = await caughtUp(count);
      const target = counting(world.region('b').parts);
      expect(await world.run('b', 'a', { idleMs: 0, target: target.parts })).toMatchObject({ ended: 'idle' });
      // The topics; of each partition what stands behind the noted position.
      expect(world.asked.get('a')).toBe(1 + count);
      // The flow twice, the lease, the last note, the topics.
      expect(target.reads()).toBe(5);
      // The lease is taken and given up.
      expect(target.writes()).toBe(2);
    },
  );

  it.each([1, 20])('costs a look at both ends of each of %i partition(s) once an hour', async (count) => {
    const world = await caughtUp(count);
    await world.clock.sleep(3_600_000);
    const target = counting(world.region('b').parts);
    expect(await world.run('b', 'a', { idleMs: 0, target: target.parts })).toMatchObject({ ended: 'idle' });
    // Of each partition its bounds, what stands at the position, and perhaps what before it.
    expect(world.asked.get('a')).toBeGreaterThanOrEqual(1 + 2 * count);
    expect(world.asked.get('a')).toBeLessThanOrEqual(1 + 3 * count);
    expect(target.reads()).toBe(5 + 2 * count);
    // And a note that it was so.
    expect(target.writes()).toBe(3);
  });

  it('still copies what comes, and begins a copy that was deleted anew', async () => {
    const world = await caughtUp(2);
    await world.produce('a', 'orders', 1, 'two');
    expect(await world.run('b', 'a', { idleMs: 0 })).toMatchObject({ copiedRecords: 1 });
    await world.region('b').log.deleteTopic('a.orders', world.call());
    expect(await world.run('b', 'a', { idleMs: 0 })).toMatchObject({ copiedRecords: 3 });
    expect(await world.records('b', 'a.orders', 1)).toEqual(['0:one', '1:two']);
  });

  it('costs a look at the source for each partition and second while it waits, and a write every ten', async () => {
    const world = await caughtUp(4);
    const target = counting(world.region('b').parts);
    expect(await world.run('b', 'a', { idleMs: 60_000, target: target.parts })).toMatchObject({
      ended: 'idle',
    });
    const looks = (world.asked.get('a') ?? 0) - 2;
    expect(looks).toBeGreaterThanOrEqual(4 * 58);
    expect(looks).toBeLessThanOrEqual(4 * 66);
    expect(target.writes()).toBeLessThanOrEqual(2 + 6 + 1);
  });

  it('costs nothing while it is paused, but for the look that finds it so', async () => {
    const world = await caughtUp(4);
    await world.region('b').flows.pause('a', world.call());
    const target = counting(world.region('b').parts);
    await world.run('b', 'a', { target: target.parts });
    expect([world.asked.get('a') ?? 0, target.reads(), target.writes()]).toEqual([0, 1, 0]);
  });
});
