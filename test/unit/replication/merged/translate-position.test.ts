import { describe, expect, it } from 'vitest';
import { HERE } from '../../../../lib/group/offsets/vector.ts';
import type {
  LogPosition,
  TranslatedPosition,
} from '../../../../lib/replication/merged/translate-position.ts';
import { type MergedRegion, mergedCopier, mergedCopyAll, mergedStep } from './merged-regions.ts';
import { openAll, positionIn, translated } from './translated.ts';

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

/** Where each record stands in its own region. */
async function sequencesOf(regions: readonly MergedRegion[]): Promise<Map<string, Sequence>> {
  const found = new Map<string, Sequence>();
  for (const { alias, values } of regions) {
    for (const [sequence, value] of (await values()).entries()) {
      if (value.startsWith(alias)) found.set(value, { region: alias, sequence });
    }
  }
  return found;
}

interface Sequence {
  readonly region: string;
  readonly sequence: number;
}

/** Somebody who reads on in one region after another, and passes over what his vector says he has read. */
class Skipper {
  readonly given: string[] = [];
  position: LogPosition = { offset: 0 };
  readonly #sequences: Map<string, Sequence>;
  at: MergedRegion;

  constructor(at: MergedRegion, sequences: Map<string, Sequence>) {
    this.at = at;
    this.#sequences = sequences;
  }

  async read(count: number): Promise<void> {
    const { offset, vector } = this.position;
    const values = (await this.at.values()).slice(offset, offset + count);
    for (const value of values) {
      const { region, sequence } = this.#sequences.get(value) ?? { region: '?', sequence: 0 };
      const read = vector?.get(region === this.at.alias ? HERE : region) ?? 0;
      if (sequence >= read) this.given.push(value);
    }
    this.position = { ...this.position, offset: offset + values.length };
  }

  async move(to: MergedRegion): Promise<TranslatedPosition> {
    const { isFinal, ...position } = await positionIn(this.at, to, this.position);
    this.position = position;
    this.at = to;
    return { ...position, isFinal };
  }
}

async function copyAll(regions: readonly MergedRegion[]): Promise<void> {
  const pairs = regions.flatMap((source) => regions.map((target) => ({ source, target })));
  for (const { source, target } of pairs) if (source !== target) await mergedCopyAll(source, target);
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

  it.each([11, 12, 13, 14, 15, 16])(
    'with its vector gives every record once to who moves at any moment, there and on (seed %i)',
    async (seed) => {
      const regions = await openAll('east', 'west', 'north');
      const [east, west, north] = regions;
      if (east === undefined || west === undefined || north === undefined) throw new Error('three are open');
      await mingle(regions, seed);
      const sequences = await sequencesOf(regions);
      const skippers: Skipper[] = [];
      for (let offset = 0; offset <= (await east.values()).length; offset += 1) {
        const skipper = new Skipper(east, sequences);
        await skipper.read(offset);
        await skipper.move(west);
        await skipper.read(offset % 7);
        await skipper.move(offset % 2 === 0 ? north : east);
        await skipper.read(offset % 5);
        await skipper.move(west);
        skippers.push(skipper);
      }
      await copyAll(regions);
      const all = [...sequences.keys()].sort();
      for (const skipper of skippers) {
        await skipper.read(Number.POSITIVE_INFINITY);
        expect(skipper.given.toSorted()).toEqual(all);
      }
    },
  );

  it.each([21, 22, 23])('that is final stays where it is when the rest is copied (seed %i)', async (seed) => {
    const [east, west] = await openAll('east', 'west');
    if (east === undefined || west === undefined) throw new Error('two regions are open');
    await mingle([east, west], seed);
    await copyAll([west, east]);
    await east.produce(['late 0', 'late 1', 'late 2']);
    const end = (await east.values()).length;
    const before: TranslatedPosition[] = [];
    for (let offset = 0; offset <= end; offset += 1) before.push(await positionIn(east, west, { offset }));
    await mergedCopyAll(west, east);
    await mergedCopyAll(east, west);
    for (const [offset, { isFinal, ...position }] of before.entries()) {
      const after = await positionIn(east, west, { offset });
      expect(after.isFinal).toBe(true);
      expect(isFinal ? after.offset === position.offset : after.offset > position.offset).toBe(true);
    }
    expect(new Set(before.map(({ isFinal }) => isFinal)).size).toBe(2);
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
    expect(await translated(east, west, 1)).toBe(1);
    expect(await translated(east, west, 2)).toBe(2);
  });
});
