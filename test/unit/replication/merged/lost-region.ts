import { expect } from 'vitest';
import { chunkFromItem } from '../../../../lib/partition/chunk.ts';
import type { PartitionCopier } from '../../../../lib/replication/copy/copier.ts';
import type { CopyOutcome } from '../../../../lib/replication/copy/copy-outcome.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { type MergedRegion, mergedCopier, mergedCopyAll, openMergedRegion } from './merged-regions.ts';

export interface Three {
  readonly west: MergedRegion;
  readonly east: MergedRegion;
  readonly north: MergedRegion;
}

export async function three(): Promise<Three> {
  const clock = manualClock();
  const west = await openMergedRegion('west', clock);
  const east = await openMergedRegion('east', clock);
  return { west, east, north: await openMergedRegion('north', clock) };
}

const big = (name: string): string => name.padEnd(20_000, '.');

/** `west 0`, `west 1`, … in requests of two records, some of them too large to be inline. */
export async function produceSome(
  region: MergedRegion,
  { from, to }: { from: number; to: number },
): Promise<void> {
  for (let i = from; i < to; i += 2) {
    const first = `${region.alias} ${i}`;
    await region.produce([i % 6 === 0 ? big(first) : first, `${region.alias} ${i + 1}`]);
  }
}

export const numbered = (alias: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${alias} ${from + i}`);

/** What a region has of another, in its own order. */
export async function valuesOf(region: MergedRegion, alias: string): Promise<string[]> {
  const values = (await region.values()).map((value) => value.replace(/\.+$/, ''));
  return values.filter((value) => value.startsWith(`${alias} `));
}

export const relayOf = (source: MergedRegion, target: MergedRegion, relay = 'west'): PartitionCopier =>
  mergedCopier(source, target, { relay });

export const relayAll = (
  source: MergedRegion,
  target: MergedRegion,
  bytesMax?: number,
): Promise<CopyOutcome[]> => mergedCopyAll(source, target, relayOf(source, target), bytesMax);

/** West's records up to 24 in east, up to 12 in north, between those of east and north themselves. */
export async function lost(): Promise<Three> {
  const regions = await three();
  const { west, east, north } = regions;
  await produceSome(east, { from: 0, to: 4 });
  await produceSome(north, { from: 0, to: 4 });
  // West has those of the others between its own, so that its own have holes.
  await mergedCopyAll(east, west);
  await produceSome(west, { from: 0, to: 8 });
  await mergedCopyAll(north, west);
  await produceSome(west, { from: 8, to: 12 });
  await mergedCopyAll(west, north);
  await mergedCopyAll(west, east);
  for (let from = 12; from < 24; from += 4) {
    await produceSome(west, { from, to: from + 4 });
    await produceSome(east, { from: from - 8, to: from - 4 });
    await mergedCopyAll(west, east);
  }
  return regions;
}

export async function expectAll(regions: readonly MergedRegion[], west: number): Promise<void> {
  for (const region of regions) {
    expect(await valuesOf(region, 'west')).toEqual(numbered('west', 0, west));
    expect(await region.findings()).toEqual([]);
  }
}

/** Each copy says where it stood in its own region. Before anything is sealed. */
export async function expectOffsetsOf(origin: MergedRegion, region: MergedRegion): Promise<void> {
  const [there, here] = await Promise.all([origin.values(), region.values()]);
  const range = { limit: 9_999, consistent: true };
  const { items } = await region.parts.hot.query(region.pk, range, region.call());
  for (const chunk of items.map(chunkFromItem)) {
    if (chunk.origin?.region !== origin.alias) continue;
    const { baseOffset, endOffset } = chunk.origin;
    expect(here.slice(chunk.baseOffset, chunk.endOffset)).toEqual(there.slice(baseOffset, endOffset));
  }
}
