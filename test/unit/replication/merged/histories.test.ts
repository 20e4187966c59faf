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

interface Flow {
  readonly source: MergedRegion;
  readonly target: MergedRegion;
  copier: PartitionCopier;
}

function flowsBetween(regions: readonly MergedRegion[], dice: Dice): Flow[] {
  return regions.flatMap((source) =>
    regions
      .filter((target) => target !== source)
      .flatMap((target) => [0, 1].map(() => ({ source, target, copier: newCopier(source, target, dice) }))),
  );
}

const newCopier = (source: MergedRegion, target: MergedRegion, dice: Dice): PartitionCopier =>
  mergedCopier(source, target, { source: faulty(source, dice), target: faulty(target, dice) });

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
  else if (luck < 17) flow.copier = newCopier(flow.source, flow.target, dice);
  else if (luck < 18) await region.seal();
  else if (luck < 19) await region.merge();
  else {
    await region.seal();
    await region.expire();
  }
}

async function history(seed: number, aliases: readonly string[]): Promise<void> {
  const clock = manualClock();
  const dice = diceOf(seed);
  const regions = await Promise.all(aliases.map((alias) => openMergedRegion(alias, clock)));
  const world = { regions, flows: flowsBetween(regions, dice), clock };
  const counts = new Map<string, number>();
  for (let turns = 0; turns < 80; turns += 1) await turn(world, counts, dice);
  for (const { source, target } of world.flows) await mergedCopyAll(source, target);
  for (const region of regions) await expectAll(region, counts);
}

async function expectAll(region: MergedRegion, counts: ReadonlyMap<string, number>): Promise<void> {
  const values = (await region.values()).map((value) => value.replace(/ \.*$/, ''));
  for (const [alias, count] of counts) {
    const all = Array.from({ length: count }, (_, i) => `${alias} ${i}`);
    expect(values.filter((value) => value.startsWith(`${alias} `))).toEqual(all);
  }
  expect(values).toHaveLength([...counts.values()].reduce((sum, count) => sum + count, 0));
  expect(await region.findings()).toEqual([]);
}

const SEEDS = 6;

describe('whatever happens, in the end every region has every record once', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('two regions, seed %i', async (seed) => {
    await history(seed, ['east', 'west']);
  });

  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('three regions, seed %i', async (seed) => {
    await history(1_000 + seed, ['east', 'west', 'north']);
  });
});
