import { describe, expect, it } from 'vitest';
import type { PartitionCopier } from '../../../../lib/replication/copy/copier.ts';
import type { Usage } from '../../../../lib/storage/meter.ts';
import { observeNow } from '../../../../lib/storage/observation.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { type MergedRegion, mergedCopier, mergedCopyAll, openMergedRegion } from './merged-regions.ts';

const SETTINGS = { hotRetentionMs: 604_800_000, inlineBytesMax: 8_192 };

interface Relayed {
  readonly west: MergedRegion;
  readonly east: MergedRegion;
  readonly north: MergedRegion;
}

/** Three regions; east and north have what west has produced. */
async function relayed(): Promise<Relayed> {
  const clock = manualClock();
  const west = await openMergedRegion('west', clock);
  const east = await openMergedRegion('east', clock);
  const north = await openMergedRegion('north', clock);
  for (let i = 0; i < 100; i += 1) {
    await west.produce([`west ${i}`]);
    await east.produce([`east ${i}`]);
    await mergedCopyAll(west, east);
  }
  await mergedCopyAll(west, north);
  return { west, east, north };
}

const relayOf = ({ east, north }: Relayed): PartitionCopier => mergedCopier(east, north, { relay: 'west' });

/** What one step costs, in both regions together, and what came of it. */
async function stepCost(
  { north }: Relayed,
  copier: PartitionCopier,
): Promise<Partial<Usage> & { kind: string }> {
  const call = north.call();
  const topicSeen = observeNow(north.storage.clock);
  const { kind } = await copier.copyOnce({ settings: SETTINGS, topicSeen }, call);
  const { bytesRead: _, bytesWritten: __, ...counts } = call.meter.usage;
  return { kind, ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)) };
}

describe('what a relay costs', () => {
  it('that finds nothing: a look at both ends to begin with, then half a read unit', async () => {
    const regions = await relayed();
    const relay = relayOf(regions);
    expect(await stepCost(regions, relay)).toMatchObject({ kind: 'caughtUp', tableReads: 4 });
    expect(await stepCost(regions, relay)).toEqual({ kind: 'caughtUp', tableReads: 1, readUnits: 0.5 });
  });

  it('that is under way: the read and the write of one chunk', async () => {
    const regions = await relayed();
    const relay = relayOf(regions);
    await stepCost(regions, relay);
    for (const name of ['first', 'second', 'third']) {
      await regions.west.produce([name.padEnd(700, '.')]);
      await mergedCopyAll(regions.west, regions.east);
      const cost = await stepCost(regions, relay);
      if (name === 'first') continue;
      expect(cost).toEqual({ kind: 'copied', tableReads: 1, readUnits: 0.5, tableWrites: 1, writeUnits: 1 });
    }
  });

  it('that has to find its place: no more reads than a search in what is there takes', async () => {
    const regions = await relayed();
    for (let i = 100; i < 102; i += 1) await regions.west.produce([`west ${i}`]);
    await mergedCopyAll(regions.west, regions.east);
    const { kind, tableReads = 0 } = await stepCost(regions, relayOf(regions));
    expect(kind).toBe('copied');
    expect(tableReads).toBeLessThanOrEqual(40);
  });
});
