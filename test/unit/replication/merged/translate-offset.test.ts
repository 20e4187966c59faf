import { describe, expect, it } from 'vitest';
import { translateOffset } from '../../../../lib/replication/merged/translate-offset.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import {
  type MergedRegion,
  mergedCopier,
  mergedCopyAll,
  mergedStep,
  openMergedRegion,
} from './merged-regions.ts';

const translated = (source: MergedRegion, target: MergedRegion, offset: number): Promise<number> => {
  const place = {
    sourcePk: source.pk,
    targetPk: target.pk,
    source: source.alias,
    target: target.alias,
  };
  return translateOffset({ source: source.parts, target: target.parts }, place, offset, target.call());
};

async function openAll(...aliases: readonly string[]): Promise<MergedRegion[]> {
  const clock = manualClock();
  return Promise.all(aliases.map((alias) => openMergedRegion(alias, clock)));
}

/** Whatever was read in the source, the rest of the target's log has what was not. Answers how many records come twice. */
async function expectNothingLost(source: MergedRegion, target: MergedRegion): Promise<number[]> {
  const there = await source.values();
  const here = await target.values();
  const repeats: number[] = [];
  for (let offset = 0; offset <= there.length; offset += 1) {
    const read = new Set(there.slice(0, offset));
    const first = await translated(source, target, offset);
    expect(here.slice(0, first).filter((value) => !read.has(value))).toEqual([]);
    repeats.push(here.slice(first).filter((value) => read.has(value)).length);
  }
  return repeats;
}

/** A little of everything: seeded, so that a failure comes again. */
async function mingle(regions: readonly MergedRegion[], seed: number): Promise<void> {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % below;
  };
  const counts = regions.map(() => 0);
  const some = (): number => random(regions.length);
  for (let turn = 0; turn < 60; turn += 1) {
    const [from, to] = [some(), some()];
    const [source, target] = [regions[from], regions[to]];
    if (source === undefined || target === undefined) continue;
    const count = counts[from] ?? 0;
    if (random(3) > 0) {
      await source.produce([`${source.alias} ${count}`, `${source.alias} ${count + 1}`]);
      counts[from] = count + 2;
    }
    if (source !== target) await mergedStep(mergedCopier(source, target), target, 100 + random(400));
    if (random(12) === 0) await source.seal();
  }
}

describe('an offset of a merged topic in another region', () => {
  it('is the end for whoever has read all, where all is copied both ways', async () => {
    const [east, west] = await openAll('east', 'west');
    if (east === undefined || west === undefined) throw new Error('two regions are open');
    await mingle([east, west], 1);
    await mergedCopyAll(east, west);
    await mergedCopyAll(west, east);
    const end = (await east.values()).length;
    expect(await translated(east, west, end)).toBe((await west.values()).length);
    expect(await translated(east, west, 0)).toBe(0);
    expect((await expectNothingLost(east, west)).at(-1)).toBe(0);
  });

  it.each([2, 3, 4, 5, 6])(
    'leaves nothing out in the midst of copying, two regions (seed %i)',
    async (seed) => {
      const [east, west] = await openAll('east', 'west');
      if (east === undefined || west === undefined) throw new Error('two regions are open');
      await mingle([east, west], seed);
      await expectNothingLost(east, west);
      await expectNothingLost(west, east);
    },
  );

  it.each([7, 8, 9])('leaves nothing out in the midst of copying, three regions (seed %i)', async (seed) => {
    const [east, west, north] = await openAll('east', 'west', 'north');
    if (east === undefined || west === undefined || north === undefined) throw new Error('three are open');
    await mingle([east, west, north], seed);
    await expectNothingLost(east, west);
    await expectNothingLost(west, north);
    await expectNothingLost(north, east);
  });

  it('is the end of what has come so far, where the target itself produces nothing', async () => {
    const [east, west] = await openAll('east', 'west');
    if (east === undefined || west === undefined) throw new Error('two regions are open');
    for (let i = 0; i < 9; i += 1) {
      await east.produce([`east ${i}`]);
      if (i < 6) await mergedCopyAll(east, west);
      if (i === 3) await west.seal();
    }
    const all = await Promise.all(Array.from({ length: 10 }, (_, offset) => translated(east, west, offset)));
    expect(all).toEqual([0, 1, 2, 3, 4, 5, 6, 6, 6, 6]);
  });

  it('is the beginning where the source has deleted what was to be read next', async () => {
    const [east, west] = await openAll('east', 'west');
    if (east === undefined || west === undefined) throw new Error('two regions are open');
    await east.produce(['east 0', 'east 1']);
    await mergedCopyAll(east, west);
    await east.produce(['east 2', 'east 3']);
    await east.trimTo(2);
    expect(await translated(east, west, 1)).toBe(0);
    expect(await translated(east, west, 2)).toBe(2);
  });
});
