import { beforeEach, describe, expect, it } from 'vitest';
import type { CopyStart } from '../../../../lib/flows.ts';
import { readLogStart } from '../../../../lib/segment/log-start.ts';
import { openRegions, type Regions } from './regions.ts';

let regions: Regions;
beforeEach(async () => {
  regions = await openRegions();
  for (const pair of [
    ['a', 'b'],
    ['c', 'd'],
    ['e', 'f'],
  ]) {
    await regions.source.produce(pair);
    regions.clock.advance(1_000);
  }
});

const start = async (at: CopyStart): Promise<string[]> => {
  const { copier, copyAll, target } = regions;
  await copyAll(copier({ start: at }));
  await regions.source.produce(['new']);
  await copyAll(copier({ start: at }));
  expect(await target.findings()).toEqual([]);
  await target.seal();
  expect(await target.findings()).toEqual([]);
  return target.records();
};

describe('where a copy begins', () => {
  it('earliest: with the source', async () => {
    expect((await start('earliest'))[0]).toBe('0:∅=a');
  });

  it('earliest of a trimmed source: with the batch that holds its log start', async () => {
    await regions.source.trimTo(3);
    expect((await start('earliest'))[0]).toBe('2:∅=c');
    expect(
      await regions.target.log.listOffsets(
        { topic: 'east.orders', partition: 0, at: 'earliest' },
        regions.target.call(),
      ),
    ).toEqual({ offset: 2, timestampMs: -1 });
  });

  it('latest: with what comes next, at its own offset', async () => {
    expect(await start('latest')).toEqual(['6:∅=new']);
  });

  it('latest of an empty source: at 0', async () => {
    regions = await openRegions();
    expect(await start('latest')).toEqual(['0:∅=new']);
  });

  it('a time: with the batch of the first record that is as young', async () => {
    expect((await start({ timestampMs: Math.floor(regions.clock.wallMs()) - 2_000 }))[0]).toBe('2:∅=c');
  });

  it('a time that nothing has reached: latest', async () => {
    expect(await start({ timestampMs: regions.clock.wallMs() + 1e9 })).toEqual(['6:∅=new']);
  });

  it('an offset: with the batch that holds it; one that is not there yet: latest', async () => {
    expect((await start({ offset: 5 }))[0]).toBe('4:∅=e');
    regions = await openRegions();
    expect(await start({ offset: 100 })).toEqual(['0:∅=new']);
  });

  it('is no gap in what is found by time, before it is sealed and after', async () => {
    const { copier, copyAll, target } = regions;
    await copyAll(copier({ start: { offset: 4 } }));
    const find = async (at: 'max-timestamp' | { readonly timestampMs: number }) =>
      (await target.log.listOffsets({ topic: 'east.orders', partition: 0, at }, target.call())).offset;
    expect([await find({ timestampMs: 0 }), await find('max-timestamp')]).toEqual([4, 4]);
    await target.seal();
    expect([await find({ timestampMs: 0 }), await find('max-timestamp')]).toEqual([4, 4]);
  });

  it('is decided once, whatever those who come later were told, and by whoever comes first of many at once', async () => {
    const { copier, step, target, source, copyAll } = regions;
    const starts: CopyStart[] = ['latest', 'earliest', { offset: 4 }, { offset: 2 }];
    await Promise.all(starts.map((at) => step(copier({ start: at }))));
    const begun = (await readLogStart(target.parts.catalog, target.pk, target.call())).offset;
    expect([0, 2, 4, 6]).toContain(begun);
    await copyAll();
    await source.produce(['new']);
    await copyAll(copier({ start: { offset: 4 } }));
    expect(await target.batches()).toEqual(await source.batches(begun));
    expect(await target.findings()).toEqual([]);
  });
});
