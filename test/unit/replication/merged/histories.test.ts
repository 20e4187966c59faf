import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../../lib/open-log.ts';
import type { PartitionCopier } from '../../../../lib/replication/copy/copier.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { type ManualClock, manualClock } from '../../../tools/manual-clock.ts';
import {
  type MergedRegion,
  mergedCopier,
  mergedCopyAll,
  mergedStep,
  openMergedRegion,
} from './merged-regions.ts';

type Dice = (below: number) => number;

/** The same for the same seed, so that a failure comes again. */
function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Some puts of replicators fail for good, some of those after they were carried out, and some reads lack an item. */
function faulty(region: MergedRegion, dice: Dice): MergedRegion['parts'] {
  const inner = region.storage.hot;
  const hot: Table<number> = {
    ...inner,
    put: async (...args) => {
      const luck = dice(10);
      if (luck === 0) throw new StorageFault('refused', 'not now');
      const result = await inner.put(...args);
      if (luck === 1) throw new StorageFault('refused', 'the answer was lost', { mayHaveHappened: true });
      return result;
    },
    query: async (pk, range, call) => {
      const page = await inner.query(pk, range, call);
      if (range.consistent || dice(4) > 0) return page;
      return { ...page, items: page.items.filter(() => dice(3) > 0) };
    },
  };
  return engineParts({ ...region.storage, hot });
}

interface Way {
  readonly source: MergedRegion;
  readonly target: MergedRegion;
  /** A third region, of which the source has something. */
  readonly relay?: string;
}

interface Flow extends Way {
  copier: PartitionCopier;
}

function flowsBetween(regions: readonly MergedRegion[], ways: Ways, dice: Dice): Flow[] {
  return regions.flatMap((source) =>
    regions
      .filter((target) => target !== source)
      .flatMap((target) => waysOf({ source, target }, regions, ways))
      .flatMap((way) => [0, 1].map(() => ({ ...way, copier: newCopier(way, dice) }))),
  );
}

/** `relayed`: what the first region has produced comes to the others through each other as well. */
interface Ways {
  readonly relayed: boolean;
}

function waysOf(way: Way, [first]: readonly MergedRegion[], { relayed }: Ways): Way[] {
  const isThird = first !== undefined && way.source !== first && way.target !== first;
  return relayed && isThird ? [way, { ...way, relay: first.alias }] : [way];
}

const newCopier = ({ source, target, relay }: Way, dice: Dice): PartitionCopier => {
  const parts = { source: faulty(source, dice), target: faulty(target, dice) };
  return mergedCopier(source, target, relay === undefined ? parts : { ...parts, relay });
};

async function turn(
  world: {
    readonly regions: readonly MergedRegion[];
    readonly flows: readonly Flow[];
    readonly clock: ManualClock;
  },
  counts: Map<string, number>,
  dice: Dice,
): Promise<void> {
  const region = world.regions[dice(world.regions.length)];
  const flow = world.flows[dice(world.flows.length)];
  if (region === undefined || flow === undefined) return;
  const luck = dice(20);
  if (luck < 8) {
    const count = counts.get(region.alias) ?? 0;
    counts.set(region.alias, count + 2);
    const long = luck === 0 ? 20_000 : 0;
    await region.produce([`${region.alias} ${count} `.padEnd(long, '.'), `${region.alias} ${count + 1} `]);
  } else if (luck < 16) await mergedStep(flow.copier, flow.target, 100 + dice(600));
  else if (luck < 17) flow.copier = newCopier(flow, dice);
  else if (luck < 18) await region.seal();
  else if (luck < 19) await region.merge();
  else {
    await region.seal();
    await region.expire();
  }
}

interface World {
  readonly regions: readonly MergedRegion[];
  readonly flows: readonly Flow[];
  readonly clock: ManualClock;
  readonly counts: Map<string, number>;
  readonly dice: Dice;
}

async function played(seed: number, aliases: readonly string[], ways: Ways): Promise<World> {
  const clock = manualClock();
  const dice = diceOf(seed);
  const regions = await Promise.all(aliases.map((alias) => openMergedRegion(alias, clock)));
  const world = { regions, flows: flowsBetween(regions, ways, dice), clock };
  const counts = new Map<string, number>();
  for (let turns = 0; turns < 80; turns += 1) await turn(world, counts, dice);
  return { ...world, counts, dice };
}

async function history(seed: number, aliases: readonly string[], ways: Ways): Promise<void> {
  const { regions, flows, counts } = await played(seed, aliases, ways);
  for (const { source, target } of flows) await mergedCopyAll(source, target);
  for (const region of regions) await expectAll(region, counts);
}

/** The first of three regions is lost half-way: what one of the others has of it both get, and all when it is back. */
async function lossOfOne(seed: number, aliases: readonly string[]): Promise<void> {
  const world = await played(seed, aliases, { relayed: true });
  const { regions, counts, dice } = world;
  const [lost, ...others] = regions;
  if (lost === undefined) return;
  const alive = world.flows.filter(({ source, target }) => source !== lost && target !== lost);
  for (let turns = 0; turns < 40; turns += 1) {
    await turn({ ...world, regions: others, flows: alive }, counts, dice);
  }
  for (const { source, target, relay } of alive)
    await mergedCopyAll(source, target, copierOf(source, target, relay));
  const [one, other] = await Promise.all(others.map((region) => recordsOf(region, lost.alias)));
  expect(one).toEqual(other);
  expect(one).toEqual(numbered(lost.alias, one?.length ?? 0));
  for (const { source, target, relay } of world.flows) {
    await mergedCopyAll(source, target, copierOf(source, target, relay));
  }
  for (const region of regions) await expectAll(region, counts);
}

const copierOf = (source: MergedRegion, target: MergedRegion, relay: string | undefined): PartitionCopier =>
  mergedCopier(source, target, relay === undefined ? {} : { relay });

const numbered = (alias: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${alias} ${i}`);

async function recordsOf(region: MergedRegion, alias: string): Promise<string[]> {
  const values = (await region.values()).map((value) => value.replace(/ \.*$/, ''));
  return values.filter((value) => value.startsWith(`${alias} `));
}

async function expectAll(region: MergedRegion, counts: ReadonlyMap<string, number>): Promise<void> {
  const values = (await region.values()).map((value) => value.replace(/ \.*$/, ''));
  for (const [alias, count] of counts) {
    expect(values.filter((value) => value.startsWith(`${alias} `))).toEqual(numbered(alias, count));
  }
  expect(values).toHaveLength([...counts.values()].reduce((sum, count) => sum + count, 0));
  expect(await region.findings()).toEqual([]);
}

const SEEDS = 6;
const THREE = ['west', 'east', 'north'] as const;

describe('whatever happens, in the end every region has every record once', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('two regions, seed %i', async (seed) => {
    await history(seed, ['east', 'west'], { relayed: false });
  });

  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('three regions, seed %i', async (seed) => {
    await history(1_000 + seed, THREE, { relayed: false });
  });

  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'three regions that relay one of them as well, seed %i',
    async (seed) => {
      await history(2_000 + seed, THREE, { relayed: true });
    },
  );

  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'three regions, one of which is lost and comes back, seed %i',
    async (seed) => {
      await lossOfOne(3_000 + seed, THREE);
    },
  );
});
