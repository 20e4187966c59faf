import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../../lib/open-log.ts';
import { closePartition } from '../../../../lib/partition/close-partition.ts';
import { ALL_RULES } from '../../../../lib/rules.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { crashingProcess } from '../../../support/crashing-ports.ts';
import { memoryTransactions } from '../../../support/memory-transactions.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import {
  type MergedRegion,
  mergedCopier,
  mergedCopyAll,
  mergedStep,
  openMergedRegion,
} from './merged-regions.ts';

async function twoRegions(): Promise<{ readonly east: MergedRegion; readonly west: MergedRegion }> {
  const clock = manualClock();
  return { east: await openMergedRegion('east', clock), west: await openMergedRegion('west', clock) };
}

const big = (name: string): string => name.padEnd(20_000, '.');

/** `east 0`, `east 1`, … in requests of two records, some of them too large to be inline. */
async function produceSome(region: MergedRegion, { from, to }: { from: number; to: number }): Promise<void> {
  for (let i = from; i < to; i += 2) {
    const first = `${region.alias} ${i}`;
    await region.produce([i % 6 === 0 ? big(first) : first, `${region.alias} ${i + 1}`]);
  }
}

const expected = (alias: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${alias} ${i}`);

const named = (values: readonly string[]): string[] => values.map((value) => value.replace(/\.+$/, ''));

/** Every record exactly once in every region, those of one origin in the order in which they were produced. */
async function expectMerged(
  regions: readonly MergedRegion[],
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  for (const region of regions) {
    const values = named(await region.values());
    for (const [alias, count] of Object.entries(counts)) {
      expect(values.filter((value) => value.startsWith(`${alias} `))).toEqual(expected(alias, count));
    }
    expect(values).toHaveLength(Object.values(counts).reduce((sum, count) => sum + count, 0));
    expect(await region.findings()).toEqual([]);
  }
}

/** Until both have all. */
async function exchange(a: MergedRegion, b: MergedRegion): Promise<void> {
  await mergedCopyAll(a, b);
  await mergedCopyAll(b, a);
}

const everyPair = (regions: readonly MergedRegion[]): (readonly [MergedRegion, MergedRegion])[] =>
  regions.flatMap((source) =>
    regions.filter((target) => target !== source).map((target) => [source, target] as const),
  );

describe('a topic that is written in two regions', () => {
  it('has every record once in both, in the order of its origin, and nothing goes round', async () => {
    const { east, west } = await twoRegions();
    for (let round = 0; round < 5; round += 1) {
      await produceSome(east, { from: round * 6, to: round * 6 + 6 });
      await produceSome(west, { from: round * 4, to: round * 4 + 4 });
      await exchange(east, west);
    }
    await expectMerged([east, west], { east: 30, west: 20 });
    const again = [...(await mergedCopyAll(east, west)), ...(await mergedCopyAll(west, east))];
    expect(again.map(({ kind }) => kind)).toEqual(['caughtUp', 'caughtUp']);
  });

  it('has them once with three regions, where each is copied to each', async () => {
    const clock = manualClock();
    const regions = await Promise.all(
      ['east', 'west', 'north'].map((alias) => openMergedRegion(alias, clock)),
    );
    for (let round = 0; round < 3; round += 1) {
      for (const region of regions) await produceSome(region, { from: round * 4, to: round * 4 + 4 });
      for (const [source, target] of everyPair(regions)) await mergedCopyAll(source, target);
      if (round === 1) await Promise.all(regions.map((region) => region.seal()));
    }
    await expectMerged(regions, { east: 12, west: 12, north: 12 });
  });

  it('has them once while both are written, by several replicators at once, of different sizes', async () => {
    const { east, west } = await twoRegions();
    const sizes = [150, 400, 1_000, 30_000];
    const copiers = sizes.flatMap((bytesMax) => [
      { bytesMax, target: west, copier: mergedCopier(east, west) },
      { bytesMax, target: east, copier: mergedCopier(west, east) },
    ]);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([
        produceSome(east, { from: round * 4, to: round * 4 + 4 }),
        produceSome(west, { from: round * 4, to: round * 4 + 4 }),
        ...copiers.map(({ copier, target, bytesMax }) => mergedStep(copier, target, bytesMax)),
      ]);
      if (round % 7 === 6) await Promise.all([east.seal(), west.seal()]);
    }
    await exchange(east, west);
    await expectMerged([east, west], { east: 80, west: 80 });
  });

  it('goes on from cold where everything is sealed, merged and gone from the hot table', async () => {
    const { east, west } = await twoRegions();
    for (let round = 0; round < 6; round += 1) {
      await produceSome(east, { from: round * 4, to: round * 4 + 4 });
      await produceSome(west, { from: round * 4, to: round * 4 + 4 });
      await exchange(east, west);
      for (const region of [east, west]) {
        await region.seal();
        await region.expire();
      }
    }
    await east.merge();
    await west.merge();
    await expectMerged([east, west], { east: 24, west: 24 });
    await produceSome(east, { from: 24, to: 28 });
    await exchange(east, west);
    await expectMerged([east, west], { east: 28, west: 24 });
  });

  it('is copied out of segments and merged segments, into an empty region too', async () => {
    const { east, west } = await twoRegions();
    for (let round = 0; round < 6; round += 1) {
      await produceSome(east, { from: round * 4, to: round * 4 + 4 });
      await produceSome(west, { from: round * 4, to: round * 4 + 4 });
      // One way only: what west has produced waits, between copies.
      await mergedCopyAll(east, west);
      await west.seal();
      await west.expire();
    }
    await west.merge();
    await mergedCopyAll(west, east);
    await expectMerged([east, west], { east: 24, west: 24 });
  });

  it('goes on where all of it was deleted before it was sealed', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 6 });
    await mergedCopyAll(east, west);
    await west.trimTo(6);
    await west.seal();
    await west.expire();
    expect((await mergedCopyAll(east, west)).map(({ kind }) => kind)).toEqual(['caughtUp']);
    expect(await west.values()).toEqual([]);
    await produceSome(east, { from: 6, to: 8 });
    await mergedCopyAll(east, west);
    expect(named(await west.values())).toEqual(['east 6', 'east 7']);
  });

  it('tells what the source had trimmed before it was copied', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 8 });
    await east.trimTo(4);
    const [first] = await mergedCopyAll(east, west);
    expect(first).toMatchObject({ kind: 'copied', gap: { from: 0, to: 4 } });
    expect(await west.values()).toEqual(['east 4', 'east 5', big('east 6'), 'east 7']);
  });

  it('seals before an item has more stretches than it may hold', async () => {
    const { east, west } = await twoRegions();
    const copier = mergedCopier(east, west);
    for (let i = 0; i < 600; i += 1) {
      await east.produce([`east ${i}`]);
      await west.produce([`west ${i}`]);
      await mergedStep(copier, west);
    }
    await west.seal();
    await west.expire();
    await mergedCopyAll(west, east);
    await expectMerged([east, west], { east: 600, west: 600 });
  });
});

describe('a source that is not what it was', () => {
  it('is not mixed with what was copied, where it was set back and has other records by now', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 4 });
    await mergedCopyAll(east, west);
    await east.expire();
    for (const value of ['other', 'other', 'other', 'other', 'new']) await east.produce([value]);
    expect((await mergedCopyAll(east, west)).at(-1)).toMatchObject({ kind: 'diverged', position: 4 });
    expect(named(await west.values())).toEqual(expected('east', 4));
  });

  it('is not mixed with it where it ends before', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 4 });
    await mergedCopyAll(east, west);
    await east.expire();
    await east.produce(['other']);
    expect((await mergedCopyAll(east, west)).at(-1)).toMatchObject({ kind: 'diverged', position: 4 });
  });

  it('is not mixed with it by a copier that slept while it was set back', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 4 });
    const sleeper = mergedCopier(east, west);
    await mergedCopyAll(east, west, sleeper);
    await east.expire();
    for (const value of ['other', 'other', 'other', 'other', 'new']) await east.produce([value]);
    expect(await mergedStep(sleeper, west)).toMatchObject({ kind: 'diverged', position: 4 });
    expect(named(await west.values())).toEqual(expected('east', 4));
  });

  it('is told where its topic was deleted, or made anew', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 4 });
    const copier = mergedCopier(east, west);
    await east.log.deleteTopic('orders', east.call());
    expect((await mergedStep(copier, west)).kind).toBe('sourceGone');
    await east.log.createTopic({ name: 'orders', partitionCount: 1 }, east.call());
    expect((await mergedStep(copier, west)).kind).toBe('sourceRecreated');
  });
});

describe('a frozen region', () => {
  it('takes copies again when it is thawed, each once', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 4 });
    await mergedCopyAll(east, west);
    await closePartition(west.parts, west.pk, west.call(), 'freeze-1');
    await produceSome(east, { from: 4, to: 8 });
    expect((await mergedCopyAll(east, west)).map(({ kind }) => kind)).toEqual(['closed']);
    await west.seal();
    const { items } = await west.storage.hot.query(
      west.pk,
      { reverse: true, limit: 1, consistent: true },
      west.call(),
    );
    for (const { pk, sk, version } of items) {
      await west.storage.hot.delete({ pk, sk }, { ifVersion: version }, west.call());
    }
    await mergedCopyAll(east, west);
    await expectMerged([west], { east: 8 });
  });
});

describe('replicators of a merged topic', () => {
  it('leave all whole whenever one dies, before a request was carried out or after', async () => {
    for (const moment of ['before', 'after'] as const) {
      for (let atRequest = 0; ; atRequest += 1) {
        const { east, west } = await twoRegions();
        await produceSome(west, { from: 0, to: 2 });
        await produceSome(east, { from: 0, to: 12 });
        const dying = crashingProcess(
          west.storage,
          memoryTransactions({ ...west.storage, business: new Map() }),
          { atRequest, moment },
        );
        const mortal = mergedCopier(east, west, { target: engineParts(dying.storage) });
        const life = await dying.live(() => mergedCopyAll(east, west, mortal, 21_000));
        await produceSome(west, { from: 2, to: 4 });
        await exchange(east, west);
        await expectMerged([east, west], { east: 12, west: 4 });
        if (!life.crashed) break;
      }
    }
  });

  it.each([true, false])('copy once where puts are ambiguous; carried out: %s', async (isCarriedOut) => {
    const clock = manualClock();
    const ambiguous = (table: Table<number>): Table<number> => {
      let puts = 0;
      return {
        ...table,
        put: async (...args) => {
          puts += 1;
          if (puts % 3 !== 0) return table.put(...args);
          if (isCarriedOut) await table.put(...args);
          throw new StorageFault('interrupted', 'the connection broke');
        },
      };
    };
    const east = await openMergedRegion('east', clock);
    const west = await openMergedRegion('west', clock);
    await produceSome(east, { from: 0, to: 24 });
    const target = engineParts({ ...west.storage, hot: ambiguous(west.storage.hot) });
    const clockMoves = setInterval(() => clock.advance(600), 0);
    try {
      await mergedCopyAll(east, west, mergedCopier(east, west, { target }), 300);
    } finally {
      clearInterval(clockMoves);
    }
    await exchange(east, west);
    await expectMerged([east, west], { east: 24, west: 0 });
  });

  it('that slept through weeks of others going on copy nothing twice', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 12 });
    const sleeper = mergedCopier(east, west);
    await mergedStep(sleeper, west, 300);
    await mergedCopyAll(east, west);
    await produceSome(west, { from: 0, to: 4 });
    for (const region of [east, west]) await region.seal();
    for (let hours = 0; hours < 500; hours += 1) await west.expire();
    await produceSome(east, { from: 12, to: 16 });
    await mergedCopyAll(east, west, sleeper);
    await exchange(east, west);
    await expectMerged([east, west], { east: 16, west: 4 });
  });

  it('send nothing that rests on a look from before they slept', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 12 });
    let sleeps = false;
    const hot: Table<number> = {
      ...east.parts.hot,
      query: async (...args) => {
        const page = await east.parts.hot.query(...args);
        if (sleeps) {
          sleeps = false;
          await mergedCopyAll(east, west);
          await west.seal();
          await west.expire();
        }
        return page;
      },
    };
    const sleeper = mergedCopier(east, west, { source: { ...east.parts, hot } });
    await mergedStep(sleeper, west, 300);
    sleeps = true;
    await mergedCopyAll(east, west, sleeper);
    await expectMerged([east, west], { east: 12, west: 0 });
  });

  it('miss nothing where a read does not show every chunk', async () => {
    const { east, west } = await twoRegions();
    await produceSome(east, { from: 0, to: 12 });
    const hot: Table<number> = {
      ...east.parts.hot,
      query: async (pk, range, call) => {
        const page = await east.parts.hot.query(pk, range, call);
        return range.consistent ? page : { ...page, items: page.items.filter(({ sk }) => sk % 4 !== 2) };
      },
    };
    const copier = mergedCopier(east, west, { source: { ...east.parts, hot } });
    for (let tries = 0; tries < 4; tries += 1) await mergedCopyAll(east, west, copier);
    await expectMerged([west], { east: 12 });
  });
});

describe('idempotent producers of a merged topic', () => {
  const producer = (baseSequence: number) => ({ producerId: 7, producerEpoch: 0, baseSequence });

  /** The same producer id in both regions; each has its own sequence. Answers where the last of west's came to stand. */
  async function sameIdInBoth(isApart: boolean): Promise<readonly string[]> {
    const clock = manualClock();
    const rules = { ...ALL_RULES, originsApart: isApart };
    const [east, west] = await Promise.all(
      ['east', 'west'].map((alias) => openMergedRegion(alias, clock, (storage) => ({ ...storage, rules }))),
    );
    if (east === undefined || west === undefined) return [];
    await west.produce(['west 0'], producer(0));
    await east.produce(['east 0'], producer(0));
    await east.produce(['east 1'], producer(1));
    await mergedCopyAll(east, west);
    await west.seal();
    await west.produce(['west 1'], producer(1));
    return west.values();
  }

  it('are those of their own region, whatever ids others have', async () => {
    expect(await sameIdInBoth(true)).toEqual(['west 0', 'east 0', 'east 1', 'west 1']);
  });

  it('would be taken for others without the rule, and a record be lost', async () => {
    expect(await sameIdInBoth(false)).toEqual(['west 0', 'east 0', 'east 1']);
  });

  it('still find their own batches across copies, from cold', async () => {
    const { east, west } = await twoRegions();
    await west.produce(['west 0'], producer(0));
    await produceSome(east, { from: 0, to: 8 });
    await mergedCopyAll(east, west);
    expect(await west.produce(['west 0'], producer(0))).toBe(0);
    await west.seal();
    await west.expire();
    expect(await west.produce(['west 0'], producer(0))).toBe(0);
    await expectMerged([west], { east: 8, west: 1 });
  });
});
