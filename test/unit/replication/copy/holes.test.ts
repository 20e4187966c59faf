import { describe, expect, it } from 'vitest';
import { chunkFromItem } from '../../../../lib/partition/chunk.ts';
import type { CopyOutcome } from '../../../../lib/replication/copy/copy-outcome.ts';
import { createCopier } from '../../../../lib/replication/copy/create-copier.ts';
import { mergeOnce } from '../../../../lib/segment/merge/merge.ts';
import { segmentFromItem } from '../../../../lib/segment/segment-item.ts';
import { openRegions, type Region, type Regions } from './regions.ts';

const COMPACTED = { configs: { 'cleanup.policy': 'compact' } };

async function expectSame({ source, target }: Regions): Promise<void> {
  const original = await source.batches();
  expect(await target.batches()).toEqual(original);
  expect(await target.findings()).toEqual([]);
  await target.seal();
  expect(await target.batches()).toEqual(original);
  expect(await target.findings()).toEqual([]);
}

/** Of 20 keys, five times over: all but the last time goes. */
async function compactedHistory(source: Region): Promise<void> {
  for (let i = 0; i < 100; i += 1) {
    await source.produce([`value ${i}`], { key: `k${i % 20}` });
    if (i % 25 === 24) await source.seal();
  }
  await source.compact();
}

const copied = (outcomes: readonly CopyOutcome[]): Extract<CopyOutcome, { kind: 'copied' }>[] =>
  outcomes.filter((outcome) => outcome.kind === 'copied');

describe('a copy of a source with holes', () => {
  it('has the holes that compaction left, and is neither short nor damaged', async () => {
    const regions = await openRegions(COMPACTED);
    const { source, target, copyAll } = regions;
    await compactedHistory(source);
    await source.produce(['hot'], { key: 'k1' });
    const outcomes = await copyAll();
    expect(copied(outcomes).every(({ gap }) => gap === undefined)).toBe(true);
    await expectSame(regions);
    const texts = await target.records();
    expect(texts[0]).toBe('80:k0=value 80');
    expect(texts).toHaveLength(21);
    expect(await target.latest()).toBe(101);
  });

  it('answers a reader who asks for an offset in a hole with what lies behind it', async () => {
    const { source, target, copyAll } = await openRegions(COMPACTED);
    await compactedHistory(source);
    await copyAll();
    for (const offset of [0, 17, 79, 80]) expect((await target.records(offset))[0]).toBe('80:k0=value 80');
    await target.seal();
    for (const offset of [0, 17, 79, 80]) expect((await target.records(offset))[0]).toBe('80:k0=value 80');
  });

  it('can be compacted and merged like any other, and stays sound', async () => {
    const { source, target, copyAll } = await openRegions(COMPACTED);
    await compactedHistory(source);
    await copyAll();
    await target.seal();
    for (let i = 0; i < 30; i += 1) await source.produce([`again ${i}`], { key: `k${i % 20}` });
    await copyAll();
    await target.seal();
    await target.compact();
    expect(await target.findings()).toEqual([]);
    const values = new Map(
      (await target.records()).map((text) => text.split(':')[1]?.split('=') ?? []) as [string, string][],
    );
    expect(values.size).toBe(20);
    expect(values.get('k9')).toBe('again 29');
    expect(values.get('k15')).toBe('again 15');
  });

  it('keeps the mark of its holes when small segments are merged', async () => {
    const { source, target, copyAll, clock } = await openRegions();
    for (let i = 0; i < 8; i += 1) {
      await source.produce([`${i}`, 'second']);
      if (i === 3) await source.trimTo(8);
      if (i !== 2) await copyAll();
      await target.seal();
    }
    clock.advance(7_200_000);
    const settings = { segmentBytes: 1_000_000, spanMsMax: 86_400_000 };
    const merged = await mergeOnce(target.parts, target.pk, settings, target.call());
    expect(merged).toEqual(
      expect.objectContaining({ kind: 'merged', segment: expect.objectContaining({ hasGaps: true }) }),
    );
    expect(await target.findings()).toEqual([]);
    expect((await target.records()).map((text) => Number.parseInt(text, 10))).toEqual([
      0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15,
    ]);
  });

  it('carries a hole inside the range of the chunk behind it, and marks the segment it is sealed into', async () => {
    const { source, target, copyAll, step, copier, clock } = await openRegions();
    for (let i = 0; i < 10; i += 1) await source.produce([`${i}`], { key: 'k' });
    const one = copier();
    await step(one, { bytesMax: 200 });
    await source.seal();
    await source.trimTo(8);
    // What a process knows of a log start is served for a minute.
    clock.advance(61_000);
    await copyAll(one);
    const { items } = await target.storage.hot.query(
      target.pk,
      { limit: 100, consistent: true },
      target.call(),
    );
    const chunks = items.map(chunkFromItem);
    const ends = chunks.map(({ endOffset }) => endOffset);
    expect(chunks.slice(1).map(({ baseOffset }) => baseOffset)).toEqual(ends.slice(0, -1));
    expect(chunks.at(-1)).toEqual(expect.objectContaining({ endOffset: 10, keepsOffsets: true }));
    await target.seal();
    const range = { from: 'seg#', to: 'seg#9', limit: 9, consistent: true };
    const segments = await target.storage.catalog.query(target.pk, range, target.call());
    expect(segments.items.map(segmentFromItem).at(-1)).toEqual(expect.objectContaining({ hasGaps: true }));
    expect(await target.findings()).toEqual([]);
  });
});

describe('a source that trimmed faster than it was copied', () => {
  it('is told as a gap with its exact offsets, once, and copying goes on behind it', async () => {
    const { source, target, copyAll, copier } = await openRegions();
    for (let i = 0; i < 5; i += 1) await source.produce([`${i}`]);
    await copyAll();
    for (let i = 5; i < 20; i += 1) await source.produce([`${i}`]);
    await source.trimTo(12);
    const outcomes = copied(await copyAll(copier()));
    expect(outcomes.flatMap(({ gap }) => gap ?? [])).toEqual([{ from: 5, to: 12 }]);
    expect((await target.records()).map((text) => Number.parseInt(text, 10))).toEqual([
      0, 1, 2, 3, 4, 12, 13, 14, 15, 16, 17, 18, 19,
    ]);
    expect(await target.findings()).toEqual([]);
  });

  it('is told when all there was has gone, as soon as there is something again', async () => {
    const { source, target, copyAll } = await openRegions();
    await source.produce(['a', 'b']);
    await copyAll();
    await source.produce(['c', 'd', 'e']);
    await source.trimTo(5);
    expect(await copyAll()).toEqual([{ kind: 'caughtUp', position: 2 }]);
    await source.produce(['f']);
    expect(copied(await copyAll()).map(({ gap, position }) => ({ gap, position }))).toEqual([
      { gap: { from: 2, to: 5 }, position: 6 },
    ]);
    expect(await target.records()).toEqual(['0:∅=a', '1:∅=b', '5:∅=f']);
  });

  it('has no gap where only part of a batch was trimmed', async () => {
    const { source, target, copyAll } = await openRegions();
    await source.produce(['a', 'b']);
    await copyAll();
    await source.produce(['c', 'd', 'e']);
    await source.trimTo(4);
    expect(copied(await copyAll())[0]?.gap).toBeUndefined();
    expect(await target.records()).toEqual(['0:∅=a', '1:∅=b', '2:∅=c', '3:∅=d', '4:∅=e']);
  });
});

describe('a copy of a copy', () => {
  it('has the holes of the first', async () => {
    const first = await openRegions(COMPACTED);
    await compactedHistory(first.source);
    await first.copyAll();
    const second = await openRegions({ ...COMPACTED, source: () => first.target.storage });
    // The first copy is the source of the second: hot, with holes inside its chunks.
    const sourcePk = first.target.pk;
    const copier = createCopier({ source: first.target.parts, target: second.target.parts }).partition({
      sourcePk,
      targetPk: second.target.pk,
      sourceTopic: 'east.orders',
      start: 'earliest',
    });
    await second.copyAll(copier);
    expect(await second.target.batches()).toEqual(await first.source.batches());
    expect(await second.target.findings()).toEqual([]);
  });
});
