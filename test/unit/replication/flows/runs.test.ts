import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { ErrandContext } from '../../../../lib/replication/flow-run.ts';
import { giveUpLease, LEASE_MS, renewLease, takeLease } from '../../../../lib/replication/lease.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import { type FlowWorld, flowWorld } from './flow-world.ts';

async function oneTopic(partitionCount = 1): Promise<FlowWorld> {
  const world = await flowWorld(['a', 'b']);
  await world.region('a').log.createTopic({ name: 'orders', partitionCount }, world.call());
  await world.flow('b', { source: 'a' });
  return world;
}

describe('a lease', () => {
  it('keeps others away until it is given up or has run out, and is lost by whoever let it run out', async () => {
    const world = await flowWorld(['b']);
    const { parts } = world.region('b');
    const want = (holder: string) => takeLease(parts, { sk: 'lease#a#0/1', holder }, world.call());
    const first = await want('first');
    if (first.kind !== 'taken') throw new Error('not taken');
    expect(await want('second')).toMatchObject({ kind: 'held', untilMs: world.clock.wallMs() + LEASE_MS });
    await world.clock.sleep(LEASE_MS / 2);
    const renewed = await renewLease(parts, first.lease, world.call());
    await world.clock.sleep(LEASE_MS / 2 + 1);
    expect(await want('second')).toMatchObject({ kind: 'held' });

    await world.clock.sleep(LEASE_MS);
    const second = await want('second');
    expect(second).toMatchObject({ kind: 'taken' });
    expect(renewed && (await renewLease(parts, renewed, world.call()))).toBeUndefined();
    if (second.kind === 'taken') await giveUpLease(parts, second.lease, world.call());
    expect(await want('third')).toMatchObject({ kind: 'taken' });
  });
});

describe('a run whose notes cannot be read', () => {
  it('tells so and leaves its lease to the next one', async () => {
    const world = await oneTopic();
    const { parts } = world.region('b');
    const catalog: typeof parts.catalog = {
      ...parts.catalog,
      get: (key, options, call) =>
        key.sk.startsWith('status#')
          ? Promise.reject(new StorageFault('refused', 'not to be read'))
          : parts.catalog.get(key, options, call),
    };
    await expect(world.run('b', 'a', { target: { ...parts, catalog } })).rejects.toThrow('not to be read');
    expect(await world.run('b', 'a', { idleMs: 0 })).toMatchObject({ ended: 'idle' });
  });
});

describe('two replicators', () => {
  it('do not do the same work', async () => {
    const world = await oneTopic();
    const first = world.run('b', 'a', { idleMs: 20_000 });
    await world.clock.sleep(1_000);
    expect(await world.run('b', 'a')).toEqual({ ended: 'held', copiedRecords: 0, copiedBytes: 0, gaps: [] });
    await first;
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle' });
  });

  it('one of which is woken while the other is about to end miss nothing', async () => {
    const world = await oneTopic();
    await world.run('b', 'a');
    const ending = world.run('b', 'a', { idleMs: 5_000 });
    await world.clock.sleep(4_500);
    const woken = world.run('b', 'a', { idleMs: 3_000 });
    expect(await ending).toMatchObject({ ended: 'idle' });
    await world.produce('a', 'orders', 0, 'one');
    expect(await woken).toMatchObject({ ended: 'idle', copiedRecords: 1 });
  });

  it('one of which was frozen while the other went on copy everything once, and the frozen one ends', async () => {
    const world = await oneTopic(3);
    const freezer = freezable(world.region('b').parts);
    const frozen = world.run('b', 'a', { idleMs: 600_000, target: freezer.parts, lastMs: 3_600_000 });
    for (const partition of [0, 1, 2]) await world.produce('a', 'orders', partition, 'one');
    await world.clock.sleep(5_000);
    freezer.freeze();
    for (const partition of [0, 1, 2]) await world.produce('a', 'orders', partition, 'two');
    await world.clock.sleep(LEASE_MS + 5_000);
    const running = world.run('b', 'a', { idleMs: 30_000 });
    await world.clock.sleep(5_000);
    freezer.thaw();
    for (const partition of [0, 1, 2]) await world.produce('a', 'orders', partition, 'three');
    expect(await frozen).toMatchObject({ ended: 'held' });
    expect(await running).toMatchObject({ ended: 'idle' });
    for (const partition of [0, 1, 2]) {
      expect(await world.records('b', 'a.orders', partition)).toEqual(['0:one', '1:two', '2:three']);
    }
  });
});

describe('a run', () => {
  it('copies what comes within a second or so while there is traffic', async () => {
    const world = await oneTopic();
    const running = world.run('b', 'a', { idleMs: 30_000 });
    await world.clock.sleep(20_000);
    const lags: number[] = [];
    for (let at = 0; at < 10; at += 1) {
      await world.clock.sleep(at * 333);
      await world.produce('a', 'orders', 0, `${at}`);
      const producedMs = world.clock.monotonicMs();
      while ((await world.records('b', 'a.orders')).length <= at) await world.clock.sleep(20);
      lags.push(world.clock.monotonicMs() - producedMs);
    }
    expect(Math.max(...lags)).toBeLessThan(1_300);
    await running;
  });

  it('ends when nothing has come for a while, at its deadline, or when it is told to', async () => {
    const world = await oneTopic();
    const startedMs = world.clock.monotonicMs();
    expect(await world.run('b', 'a', { idleMs: 10_000 })).toMatchObject({ ended: 'idle' });
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(12_000);

    const onTimeMs = world.clock.monotonicMs() + 30_000;
    expect(await world.run('b', 'a', { idleMs: 600_000, lastMs: 30_000 })).toMatchObject({
      ended: 'deadline',
    });
    expect(world.clock.monotonicMs()).toBeLessThanOrEqual(onTimeMs);

    const stop = new AbortController();
    const stopped = world.run('b', 'a', { idleMs: 600_000, signal: stop.signal });
    await world.clock.sleep(5_000);
    stop.abort();
    expect(await stopped).toMatchObject({ ended: 'stopped' });
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle' });
  });

  it('costs some looks at the source a second when there is nothing to copy, and hardly any writes', async () => {
    const world = await oneTopic(4);
    await world.run('b', 'a');
    world.asked.clear();
    const meter = { writes: 0 };
    const target = counting(world.region('b').parts, meter);
    expect(await world.run('b', 'a', { idleMs: 60_000, target })).toMatchObject({ ended: 'idle' });
    // Four partitions, each at least once a second; the topics twice.
    expect(world.asked.get('a')).toBeLessThan(4 * 70 + 10);
    // The lease every ten seconds, at the beginning and at the end; one note.
    expect(meter.writes).toBeLessThanOrEqual(9);
  });

  it('does errands beside the copying, each in its own time, and goes on when one fails', async () => {
    const world = await oneTopic();
    const done: string[] = [];
    const errands = [
      {
        name: 'failing',
        everyMs: 10_000,
        run: async () => {
          done.push('failing');
          throw new Error('no');
        },
      },
      {
        name: 'telling',
        everyMs: 5_000,
        run: async ({
          topics,
        }: {
          readonly topics: readonly { readonly target: { readonly name: string } }[];
        }) => {
          done.push(topics.map(({ target }) => target.name).join());
        },
      },
    ];
    expect(await world.run('b', 'a', { idleMs: 19_000, errands })).toMatchObject({ ended: 'idle' });
    expect(done.filter((what) => what === 'a.orders')).toHaveLength(4);
    expect(done.filter((what) => what === 'failing')).toHaveLength(2);
    expect(world.faults).toHaveLength(2);
  });
});

describe('a run that does not wait', () => {
  it('lets every errand have its turn, and tells them what it has copied but heartbeats', async () => {
    const world = await oneTopic();
    await world.region('a').log.createTopic({ name: 'heartbeats', partitionCount: 1 }, world.call());
    await world.produce('a', 'orders', 0, 'one', 'two');
    await world.produce('a', 'heartbeats', 0, 'beat');
    const told: string[] = [];
    const errands = ['first', 'second', 'third'].map((name) => ({
      name,
      everyMs: 60_000,
      run: async ({ copiedRecords }: ErrandContext) => {
        if (name === 'first') await world.clock.sleep(5_000);
        told.push(`${name} ${copiedRecords}`);
      },
    }));
    expect(await world.run('b', 'a', { idleMs: 0, errands })).toMatchObject({
      ended: 'idle',
      copiedRecords: 3,
    });
    expect(told).toEqual(['first 0', 'second 2', 'third 2']);
  });
});

describe('a source that cannot be reached', () => {
  it('is told of, asked again less and less often, and copied from when it is back', async () => {
    const world = await oneTopic();
    await world.produce('a', 'orders', 0, 'one');
    await world.run('b', 'a');
    world.cutOff.add('a');
    world.asked.clear();
    expect(await world.run('b', 'a', { idleMs: 60_000 })).toMatchObject({ ended: 'unreachable' });
    const cut = await world.region('b').flows.describe('a', world.call());
    expect(cut.progress).toMatchObject({ lagRecords: -1, lagMs: -1 });
    expect(cut.progress?.topics).toMatchObject([{ topic: 'a.orders', state: 'UNREACHABLE' }]);
    world.cutOff.clear();
    await world.produce('a', 'orders', 0, 'two');
    expect(await world.run('b', 'a')).toMatchObject({ ended: 'idle', copiedRecords: 1 });
    const back = await world.region('b').flows.describe('a', world.call());
    expect(back.progress).toMatchObject({ lagRecords: 0, lagMs: 0, percent: 100 });
  });

  it('in the middle of a run keeps nothing from being copied afterwards in the same run', async () => {
    const world = await oneTopic();
    const running = world.run('b', 'a', { idleMs: 120_000 });
    await world.clock.sleep(5_000);
    world.cutOff.add('a');
    await world.produce('a', 'orders', 0, 'one');
    await world.clock.sleep(45_000);
    expect(await world.records('b', 'a.orders')).toEqual([]);
    const cut = await world.region('b').flows.describe('a', world.call());
    expect(cut.progress?.topics).toMatchObject([{ state: 'UNREACHABLE' }]);
    world.cutOff.clear();
    await world.clock.sleep(45_000);
    expect(await world.records('b', 'a.orders')).toEqual(['0:one']);
    await running;
  });
});

function freezable(parts: EngineParts): { parts: EngineParts; freeze(): void; thaw(): void } {
  let gate: Promise<void> | undefined;
  let open = (): void => undefined;
  const gated = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (own, name) => {
        const value: unknown = Reflect.get(own, name);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          await gate;
          return Reflect.apply(value, own, args);
        };
      },
    });
  return {
    parts: { ...parts, hot: gated(parts.hot), catalog: gated(parts.catalog) },
    freeze: () => {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    thaw: () => {
      gate = undefined;
      open();
    },
  };
}

function counting(parts: EngineParts, meter: { writes: number }): EngineParts {
  const { catalog } = parts;
  return {
    ...parts,
    catalog: {
      ...catalog,
      put: (...args) => {
        meter.writes += 1;
        return catalog.put(...args);
      },
      delete: (...args) => {
        meter.writes += 1;
        return catalog.delete(...args);
      },
    },
  };
}
