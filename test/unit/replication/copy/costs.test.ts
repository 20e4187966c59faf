import { beforeEach, describe, expect, it } from 'vitest';
import type { PartitionCopier } from '../../../../lib/replication/copy/copier.ts';
import type { CopyOutcome } from '../../../../lib/replication/copy/copy-outcome.ts';
import { sealOnce } from '../../../../lib/segment/seal/seal.ts';
import type { Usage } from '../../../../lib/storage/meter.ts';
import { observeNow } from '../../../../lib/storage/observation.ts';
import { openRegions, type Regions } from './regions.ts';

/** DynamoDB's break-even: what is larger goes into objects. */
const SETTINGS = { hotRetentionMs: 604_800_000, inlineBytesMax: 8_192 };
const DYNAMO = { configs: { 'hot.inline.max.bytes': '8192' } };

let regions: Regions;
let copier: PartitionCopier;
beforeEach(async () => {
  regions = await openRegions(DYNAMO);
  copier = regions.copier();
});

type Counts = Partial<Usage>;

/** What one step costs, in both regions together. */
async function stepCost(bytesMax = 8_388_608): Promise<{ outcome: CopyOutcome; counts: Counts }> {
  const call = regions.target.call();
  const topicSeen = observeNow(regions.clock);
  const outcome = await copier.copyOnce({ settings: SETTINGS, topicSeen, bytesMax }, call);
  const { bytesRead: _, bytesWritten: __, ...counts } = call.meter.usage;
  return { outcome, counts: Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)) };
}

const value = (bytes: number): string => 'x'.repeat(bytes);

describe('what a copied chunk costs once copying is under way', () => {
  it('at the tail, inline: the read and the write of one chunk, in the units of their bytes', async () => {
    const { source } = regions;
    await source.produce([value(700)]);
    await stepCost();
    for (const [bytes, writeUnits, readUnits] of [
      [700, 1, 0.5],
      [3_000, 4, 0.5],
      [7_900, 8, 1],
    ] as const) {
      await source.produce([value(bytes)]);
      const { outcome, counts } = await stepCost();
      expect(outcome.kind).toBe('copied');
      expect(counts).toEqual({ tableReads: 1, readUnits, tableWrites: 1, writeUnits });
    }
  });

  it('at the tail, spilled: one query, one GET, one PUT, one write of one unit', async () => {
    const { source } = regions;
    await source.produce([value(700)]);
    await stepCost();
    for (const bytes of [10_000, 64_000, 512_000]) {
      await source.produce([value(bytes)]);
      const { counts } = await stepCost();
      expect(counts).toEqual({
        tableReads: 1,
        readUnits: 0.5,
        objectGets: 1,
        objectPuts: 1,
        tableWrites: 1,
        writeUnits: 1,
      });
    }
  });

  it('at the tail, several at once: they share one write', async () => {
    const { source } = regions;
    await source.produce([value(700)]);
    await stepCost();
    for (let i = 0; i < 3; i += 1) await source.produce([value(900)]);
    const { outcome, counts } = await stepCost();
    expect(outcome).toEqual(expect.objectContaining({ kind: 'copied', recordCount: 3 }));
    expect(counts).toEqual({ tableReads: 1, readUnits: 0.5, tableWrites: 1, writeUnits: 3 });
  });

  it('with nothing new: half a read unit', async () => {
    await regions.source.produce([value(700)]);
    await stepCost();
    const { outcome, counts } = await stepCost();
    expect(outcome.kind).toBe('caughtUp');
    expect(counts).toEqual({ tableReads: 1, readUnits: 0.5 });
  });

  it('in bulk: one ranged GET, one PUT and a pointer of at most 4 units for a MiB of batches of any size', async () => {
    const { source } = regions;
    for (let i = 0; i < 3_000; i += 1) await source.produce([value(1_000)]);
    await source.seal();
    await stepCost(1_048_576);
    const { outcome, counts } = await stepCost(1_048_576);
    expect(outcome).toEqual(expect.objectContaining({ kind: 'copied', recordCount: expect.any(Number) }));
    expect((outcome as { bytes: number }).bytes).toBeGreaterThan(1_000_000);
    expect(counts).toEqual({ objectGets: 1, objectPuts: 1, tableWrites: 1, writeUnits: 4 });
  });

  it('to begin with: a look at both ends, and a decision where the copy begins', async () => {
    await regions.source.produce([value(700)]);
    const { counts } = await stepCost();
    expect(counts.tableWrites).toBe(2);
    expect(counts.tableReads).toBeLessThanOrEqual(12);
    copier = regions.copier();
    await regions.source.produce([value(700)]);
    const resumed = await stepCost();
    expect(resumed.counts.tableWrites).toBe(1);
    expect(resumed.counts.tableReads).toBeLessThanOrEqual(10);
  });

  it('to find that there is nothing new, in a process that knows nothing: a look at each end, sealed, empty or hot', async () => {
    const { source } = regions;
    const cold = async (): Promise<Counts> => {
      copier = regions.copier();
      const { outcome, counts } = await stepCost();
      expect(outcome.kind).toBe('caughtUp');
      return counts;
    };
    await cold();
    // Where the copy begins is decided; with nothing in it that has to be asked.
    expect(await cold()).toEqual({ tableReads: 5, readUnits: 4 });
    await source.produce([value(700)]);
    await stepCost();
    expect(await cold()).toEqual({ tableReads: 4, readUnits: 3 });
    await source.seal();
    expect(await cold()).toEqual({ tableReads: 4, readUnits: 3 });
  });
});

describe('bulk', () => {
  it('becomes segments of the copy as it is: nothing is written twice', async () => {
    const { source, target, copyAll } = regions;
    for (let i = 0; i < 40; i += 1) await source.produce([value(100_000)]);
    await source.seal();
    await copyAll(copier, { bytesMax: 2_000_000, settings: SETTINGS });
    const before = (await target.storage.bucket.list('', { limit: 100 }, target.call())).objects.length;
    const settings = { segmentBytes: 2 ** 24, segmentMs: -1_000, hotRetentionMs: SETTINGS.hotRetentionMs };
    const sealed = await sealOnce(target.parts, target.pk, settings, target.call());
    expect(sealed).toEqual(
      expect.objectContaining({
        kind: 'sealed',
        segment: expect.objectContaining({ objectKey: expect.stringContaining('spill/'), endOffset: 19 }),
      }),
    );
    expect((await target.storage.bucket.list('', { limit: 100 }, target.call())).objects.length).toBe(before);
    expect(await target.findings()).toEqual([]);
    expect(await target.batches()).toEqual(await source.batches());
  });
});
