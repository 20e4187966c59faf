import { describe, expect, it } from 'vitest';
import type { FetchResult } from '../../../../lib/log.ts';
import { openLog } from '../../../../lib/open-log.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import {
  type MergedRegion,
  mergedCopier,
  mergedCopyAll,
  mergedStep,
  openMergedRegion,
} from './merged-regions.ts';

const PLACE = { topic: 'orders', partition: 0 };

/** What a process that knows nothing is answered. */
async function fetched(
  { storage, call }: MergedRegion,
  offset: number,
  maxBytes: number,
): Promise<FetchResult> {
  const log = await openLog(storage, call());
  return log.fetch({ ...PLACE, offset, maxBytes }, call());
}

/** `offset alias sequence` of every copied record that was answered, as the answer has it. */
function told({ foreign = [] }: FetchResult): string[] {
  return foreign.flatMap(({ baseOffset, endOffset, region, sourceOffset }) =>
    Array.from(
      { length: endOffset - baseOffset },
      (_, i) => `${baseOffset + i} ${region} ${sourceOffset + i}`,
    ),
  );
}

/** The same, as the values tell it, which are `<alias> <sequence>`. */
function truth(here: MergedRegion, values: readonly string[], from: number, to: number): string[] {
  return values
    .map((value, offset) => ({ value, offset }))
    .slice(from, to)
    .filter(({ value }) => !value.startsWith(`${here.alias} `))
    .map(({ value, offset }) => `${offset} ${value}`);
}

async function expectTold(here: MergedRegion): Promise<void> {
  const values = await here.values();
  for (const maxBytes of [1, 300, 100_000]) {
    for (let offset = 0; offset < values.length; offset += 1) {
      const read = await fetched(here, offset, maxBytes);
      expect(read.nextOffset).toBeGreaterThan(offset);
      expect(told(read)).toEqual(truth(here, values, offset, read.nextOffset));
    }
  }
}

/** Regions that produce and copy by turns; a value says where its record was produced, and its offset there. */
async function written(aliases: readonly string[]): Promise<readonly MergedRegion[]> {
  const clock = manualClock();
  const regions = await Promise.all(aliases.map((alias) => openMergedRegion(alias, clock)));
  const produced = async (region: MergedRegion, count: number): Promise<void> => {
    const end = (await region.values()).length;
    await region.produce(Array.from({ length: count }, (_, i) => `${region.alias} ${end + i}`));
  };
  for (let turn = 0; turn < 4; turn += 1) {
    for (const [index, region] of regions.entries()) await produced(region, 1 + ((turn + index) % 3));
    for (const source of regions) {
      for (const target of regions) {
        if (source !== target) await mergedStep(mergedCopier(source, target), target, 100 + turn * 60);
      }
    }
  }
  return regions;
}

describe('a fetch of a topic that is written in several regions', () => {
  it('tells which records are copies and what their offsets were, before they are sealed and after', async () => {
    const regions = await written(['east', 'west', 'north']);
    for (const region of regions) await expectTold(region);
    for (const region of regions) await region.seal();
    for (const region of regions) await expectTold(region);
    const [east, west] = regions;
    if (east === undefined || west === undefined) throw new Error('three regions are open');
    await mergedCopyAll(east, west);
    await west.produce([`west ${(await west.values()).length}`]);
    await expectTold(west);
    await west.seal();
    await west.merge();
    await west.expire();
    await expectTold(west);
  });

  it('tells nothing where nothing is a copy', async () => {
    const clock = manualClock();
    const [east, west] = [await openMergedRegion('east', clock), await openMergedRegion('west', clock)];
    await east.produce(['east 0', 'east 1']);
    await mergedCopyAll(east, west);
    await west.produce(['west 2']);
    expect(await fetched(east, 0, 1_000)).not.toHaveProperty('foreign');
    expect(await fetched(west, 2, 1_000)).not.toHaveProperty('foreign');
    expect(await fetched(west, 3, 1_000)).not.toHaveProperty('foreign');
    await west.seal();
    expect(await fetched(west, 2, 1_000)).not.toHaveProperty('foreign');
    expect((await fetched(west, 1, 1)).foreign).toEqual([
      { baseOffset: 1, endOffset: 2, region: 'east', sourceOffset: 1 },
    ]);
  });
});
