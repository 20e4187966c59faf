import { beforeEach, describe, expect, it } from 'vitest';
import { openRegion } from '../../../../lib/open-region.ts';
import { manualClock } from '../../../tools/manual-clock.ts';
import { type MergedRegion, mergedCopyAll, openMergedRegion } from './merged-regions.ts';

let west: MergedRegion;
let east: MergedRegion;

beforeEach(async () => {
  const clock = manualClock();
  [west, east] = [await openMergedRegion('west', clock), await openMergedRegion('east', clock)];
});

const told = async ({ log, call }: MergedRegion): Promise<unknown> => {
  const origins = await log.describeOrigins({ topic: 'orders', partition: 0 }, call());
  return [origins.endOffset, origins.ownEndOffset, Object.fromEntries(origins.copied)];
};

describe('how far a log that is written in several regions has the records of each', () => {
  it('is its end where nothing was copied, and 0 where nothing is', async () => {
    expect(await told(west)).toEqual([0, 0, {}]);
    await west.produce(['a', 'b']);
    expect(await told(west)).toEqual([2, 2, {}]);
  });

  it('leaves copies at its end out, and says what it has of others in their offsets', async () => {
    await west.produce(['a', 'b']);
    await east.produce(['x', 'y', 'z']);
    await mergedCopyAll(east, west);
    expect(await told(west)).toEqual([5, 2, { east: 3 }]);
    await mergedCopyAll(west, east);
    expect(await told(east)).toEqual([5, 3, { west: 2 }]);
    await west.produce(['c']);
    expect(await told(west)).toEqual([6, 6, { east: 3 }]);
  });

  it('says the same of what is frozen, sealed, merged and no longer hot', async () => {
    await west.produce(['a']);
    for (const value of ['x', 'y']) {
      await east.produce([value]);
      await mergedCopyAll(east, west);
      await west.seal();
    }
    const expected = [3, 1, { east: 2 }];
    expect(await told(west)).toEqual(expected);
    await west.merge();
    expect(await told(west)).toEqual(expected);
    await west.expire();
    expect(await told(west)).toEqual(expected);
    await openRegion(west.parts).freeze(west.call());
    expect(await told(west)).toEqual(expected);
  });

  it('walks over any number of copies', async () => {
    await west.produce(['a']);
    for (let i = 0; i < 150; i += 1) await east.produce([`${i}`]);
    await mergedCopyAll(east, west, undefined, 1);
    expect(await told(west)).toEqual([151, 1, { east: 150 }]);
  });

  it('is 0 where copies are all there is', async () => {
    await east.produce(['x']);
    await mergedCopyAll(east, west);
    expect(await told(west)).toEqual([1, 0, { east: 1 }]);
    await west.seal();
    await west.expire();
    expect(await told(west)).toEqual([1, 0, { east: 1 }]);
  });
});
