import { beforeEach, describe, expect, it } from 'vitest';
import type { CompressionName } from '../../../../lib/record/compression/names.ts';
import { openRegions, type Regions } from './regions.ts';

let regions: Regions;
beforeEach(async () => {
  regions = await openRegions();
});

/** The copy holds what the source holds, byte for byte, and nothing is wrong with it, before and after it is sealed. */
async function expectSame({ source, target }: Regions): Promise<void> {
  const original = await source.batches();
  expect(await target.batches()).toEqual(original);
  expect(await target.findings()).toEqual([]);
  await target.seal();
  expect(await target.batches()).toEqual(original);
  expect(await target.findings()).toEqual([]);
}

const big = (name: string): string => name.padEnd(20_000, 'x');

describe('a copy', () => {
  it('has the records of its source at their offsets, in a batch of each codec', async () => {
    const { source, target, copyAll } = regions;
    const codecs: CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
    for (const compression of codecs) await source.produce(['a', 'b', compression], { compression });
    const [first, last] = await copyAll();
    expect(first).toEqual(expect.objectContaining({ kind: 'copied', position: 15, recordCount: 15 }));
    expect(last).toEqual({ kind: 'caughtUp', position: 15 });
    await expectSame(regions);
    expect((await target.records()).at(-1)).toBe('14:∅=zstd');
    expect(await target.latest()).toBe(await source.latest());
  });

  it('goes on where it ends, whether the source is sealed, hot or both, inline or spilled', async () => {
    const { source, copyAll } = regions;
    for (let round = 0; round < 4; round += 1) {
      await source.produce([`small ${round}`]);
      await source.produce([big(`large ${round}`), 'b']);
      await source.produce(['c']);
      if (round % 2 === 0) await source.seal();
      if (round !== 1) await copyAll();
    }
    await expectSame(regions);
  });

  it('is made in many steps where a step may copy little', async () => {
    const { source, copyAll } = regions;
    for (let i = 0; i < 40; i += 1) await source.produce([`${i}`.padEnd(100, 'x')]);
    await source.seal();
    for (let i = 40; i < 60; i += 1) await source.produce([`${i}`.padEnd(100, 'x')]);
    const outcomes = await copyAll(undefined, { bytesMax: 500 });
    expect(outcomes.length).toBeGreaterThan(15);
    await expectSame(regions);
  });

  it('stays the same when parts of it are sealed between the steps', async () => {
    const { source, target, copyAll, copier } = regions;
    const one = copier();
    for (let i = 0; i < 10; i += 1) {
      await source.produce([i % 3 === 0 ? big(`${i}`) : `${i}`]);
      await copyAll(one);
      if (i % 4 === 3) await target.seal();
    }
    await expectSame(regions);
  });

  it('answers for every time what the source answers', async () => {
    const { source, target, copyAll, clock } = regions;
    const times: number[] = [];
    for (let i = 0; i < 30; i += 1) {
      times.push(Math.floor(clock.wallMs()));
      await source.produce([i % 5 === 0 ? big(`${i}`) : `${i}`, 'second']);
      clock.advance(i === 20 ? 1 : 1_000);
      if (i === 12) await source.seal();
    }
    const answers = async ({ log, topic, call }: Regions['source']): Promise<unknown[]> => {
      const ats = [
        ...times.map((timestampMs) => ({ timestampMs })),
        'max-timestamp',
        'earliest',
        'latest',
      ] as const;
      return Promise.all(ats.map((at) => log.listOffsets({ topic, partition: 0, at }, call())));
    };
    for (const inlineBytesMax of [0, 300_000]) {
      const settings = { hotRetentionMs: 604_800_000, inlineBytesMax };
      await copyAll(undefined, { settings, bytesMax: 25_000 });
      expect(await answers(target)).toEqual(await answers(source));
      await source.produce(['one more']);
    }
    await copyAll();
    await target.seal();
    expect(await answers(target)).toEqual(await answers(source));
  });
});
