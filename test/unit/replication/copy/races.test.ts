import { describe, expect, it } from 'vitest';
import { engineParts, type LogOptions } from '../../../../lib/open-log.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { crashingProcess } from '../../../support/crashing-ports.ts';
import { memoryTransactions } from '../../../support/memory-transactions.ts';
import { breaking, openRegions, type Regions } from './regions.ts';

const big = (name: string): string => name.padEnd(20_000, 'x');

async function filled(options: Parameters<typeof openRegions>[0] = {}): Promise<Regions> {
  const regions = await openRegions(options);
  const { source } = regions;
  for (let i = 0; i < 12; i += 1) {
    await source.produce([i % 4 === 0 ? big(`${i}`) : `${i}`, 'second']);
    if (i === 5) await source.seal();
  }
  return regions;
}

async function expectSame({ source, target }: Regions): Promise<void> {
  expect(await target.batches()).toEqual(await source.batches());
  expect(await target.findings()).toEqual([]);
}

/** Every `every`-th put is carried out, or not, and nobody hears of it. */
function ambiguous(table: Table<number>, every: number, isCarriedOut: boolean): Table<number> {
  let puts = 0;
  return {
    ...table,
    put: async (...args) => {
      puts += 1;
      if (puts % every !== 0) return table.put(...args);
      if (isCarriedOut) await table.put(...args);
      throw new StorageFault('interrupted', 'the connection broke');
    },
  };
}

describe('copying, whoever does it and whatever happens', () => {
  it('is done once by many at once, whose steps are of different sizes', async () => {
    const regions = await filled();
    const sizes = [150, 400, 1_000, 30_000];
    const copiers = sizes.map(() => regions.copier());
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(
        copiers.map((copier, i) =>
          regions.step(copier, { bytesMax: sizes[(i + round) % sizes.length] ?? 1 }),
        ),
      );
    }
    await expectSame(regions);
  });

  it.each([true, false])('is done once where puts are ambiguous; carried out: %s', async (isCarriedOut) => {
    const regions = await filled({
      target: (storage: LogOptions) => ({ ...storage, hot: ambiguous(storage.hot, 3, isCarriedOut) }),
    });
    const clockMoves = setInterval(() => regions.clock.advance(600), 0);
    try {
      const outcomes = await regions.copyAll(undefined, { bytesMax: 300 });
      expect(outcomes.at(-1)).toEqual({ kind: 'caughtUp', position: 24 });
    } finally {
      clearInterval(clockMoves);
    }
    await expectSame(regions);
  });

  it('is whole after a death at any request, before it was carried out or after', async () => {
    for (const moment of ['before', 'after'] as const) {
      for (let atRequest = 0; ; atRequest += 1) {
        const regions = await filled();
        const { storage } = regions.target;
        const dying = crashingProcess(storage, memoryTransactions({ ...storage, business: new Map() }), {
          atRequest,
          moment,
        });
        const mortal = regions.copier({ sides: { target: engineParts(dying.storage) } });
        const life = await dying.live(() => regions.copyAll(mortal, { bytesMax: 21_000 }));
        await regions.copyAll();
        await expectSame(regions);
        if (!life.crashed) break;
      }
    }
  });

  it('goes on at the end that others have made, however long it slept in the middle', async () => {
    const regions = await filled();
    const { source, target, clock } = regions;
    const sleeper = regions.copier();
    await regions.step(sleeper, { bytesMax: 300 });
    await regions.copyAll();
    await target.seal();
    clock.advance(21 * 86_400_000);
    for (let i = 0; i < 5; i += 1) await source.produce([`later ${i}`]);
    await regions.copyAll(sleeper);
    await expectSame(regions);
  });

  it('sends nothing that rests on a look from before it slept', async () => {
    const regions = await filled();
    const { source, target, clock } = regions;
    let sleeps = false;
    const hot: Table<number> = {
      ...source.parts.hot,
      query: async (...args) => {
        const page = await source.parts.hot.query(...args);
        if (sleeps) {
          sleeps = false;
          // Others copy on, everything is sealed, and the hot items expire.
          await regions.copyAll();
          await target.seal();
          clock.advance(21 * 86_400_000);
          const range = { limit: 999, consistent: true };
          for (const item of (await target.storage.hot.query(target.pk, range, target.call())).items) {
            const { pk, sk, version } = item;
            await target.storage.hot.delete({ pk, sk }, { ifVersion: version }, target.call());
          }
        }
        return page;
      },
    };
    const sleeper = regions.copier({ sides: { source: { ...source.parts, hot } } });
    while ((sleeper.position ?? 0) < 12) await regions.step(sleeper, { bytesMax: 300 });
    sleeps = true;
    expect((await regions.step(sleeper)).kind).toBe('caughtUp');
    await expectSame(regions);
  });

  it('tells which side failed, and goes on later', async () => {
    const regions = await filled();
    const broken = {
      ...regions.source.parts,
      hot: {
        ...regions.source.parts.hot,
        query: () => Promise.reject(new StorageFault('refused', 'no right to read')),
      },
    };
    const cutOff = regions.copier({ sides: { source: broken } });
    await regions.copyAll(cutOff);
    expect(await regions.step(cutOff)).toEqual(expect.objectContaining({ kind: 'failed', side: 'source' }));
    const { hot } = regions.target.parts;
    const full = { ...hot, put: () => Promise.reject(new StorageFault('full', 'no room')) };
    const stuck = regions.copier({ sides: { target: { ...regions.target.parts, hot: full } } });
    expect(await regions.step(stuck)).toEqual(expect.objectContaining({ kind: 'failed', side: 'target' }));
    await regions.copyAll();
    await expectSame(regions);
  });
});

describe('what the rules prevent', () => {
  it('copies that are put where they were read, without a look at the tail, lie over each other', async () => {
    const regions = await openRegions();
    for (let i = 0; i < 30; i += 1) await regions.source.produce([`${i}`]);
    const target = breaking(regions.target.parts, 'copyAtObservedTail');
    const copiers = [200, 500].map((bytesMax) => ({
      bytesMax,
      copier: regions.copier({ sides: { target } }),
    }));
    for (let round = 0; round < 30; round += 1) {
      await Promise.all(copiers.map(({ copier, bytesMax }) => regions.step(copier, { bytesMax })));
    }
    expect(await regions.target.findings()).not.toEqual([]);
  });

  it('copies that go on from an old note lie over each other', async () => {
    const regions = await filled();
    await regions.copyAll(undefined, { bytesMax: 30_000 });
    await regions.source.produce(['more']);
    const target = breaking(regions.target.parts, 'positionFromTail');
    await regions.copyAll(regions.copier({ sides: { target } }), { notedPosition: 14 });
    expect(await regions.target.findings()).not.toEqual([]);
  });

  it.each([
    ['gapFromConsistentLook', ['0:∅=a', '2:∅=c']],
    ['fence', ['0:∅=a', '1:∅=b', '2:∅=c']],
  ] as const)(
    'a read that misses an item is taken for a hole only without one of them: %s',
    async (rule, expected) => {
      const regions = await openRegions();
      const { source, target } = regions;
      for (const value of ['a', 'b', 'c']) await source.produce([value]);
      const hot: Table<number> = {
        ...source.parts.hot,
        query: async (pk, range, call) => {
          const page = await source.parts.hot.query(pk, range, call);
          return range.consistent ? page : { ...page, items: page.items.filter(({ sk }) => sk !== 1) };
        },
      };
      const sides = { source: { ...source.parts, hot }, target: breaking(target.parts, rule) };
      await regions.copyAll(regions.copier({ sides }));
      expect(await target.records()).toEqual(expected);
    },
  );
});
