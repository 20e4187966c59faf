import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import { cursors } from '../../../lib/segment/read/cursors.ts';
import { type Extent, type ObjectCache, objectCache } from '../../../lib/segment/read/object-cache.ts';
import { segmentCache } from '../../../lib/segment/read/segment-cache.ts';
import type { Segment } from '../../../lib/segment/segment-item.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { observeNow } from '../../../lib/storage/observation.ts';
import { manualClock } from '../../tools/manual-clock.ts';

const extent = (objectKey: string, start: number, end: number): Extent => ({
  objectKey,
  start,
  end,
  bytes: Promise.resolve(new Uint8Array(end - start)),
});

const holds = (cache: ObjectCache, key: string, position: number): boolean =>
  cache.endOf(key, position) > position;

describe('the cache of bytes', () => {
  it('never holds more than its bound, and lets go of what was used longest ago', () => {
    const cache = objectCache(100);
    cache.add(extent('a', 0, 40));
    cache.add(extent('b', 0, 40));
    cache.use('a', 10, new Meter());
    cache.add(extent('c', 0, 40));
    expect(['a', 'b', 'c'].map((key) => holds(cache, key, 0))).toEqual([true, false, true]);
    cache.add(extent('d', 0, 101));
    expect(['a', 'b', 'c', 'd'].some((key) => holds(cache, key, 0))).toBe(false);
  });

  it('knows how far it reaches without a gap', () => {
    const cache = objectCache(100);
    cache.add(extent('a', 0, 20));
    cache.add(extent('a', 20, 35));
    cache.add(extent('a', 40, 50));
    expect(cache.endOf('a', 5)).toBe(35);
    expect(cache.endOf('a', 36)).toBe(36);
  });

  it('charges what was read ahead once, to the first who uses it', async () => {
    const cache = objectCache(100);
    const ahead = new Meter();
    ahead.add({ objectGets: 1, bytesRead: 30 });
    cache.addAhead(extent('a', 0, 30), () => ahead.usage);
    expect(cache.aheadBytes).toBe(30);
    const meters = [new Meter(), new Meter()];
    for (const meter of meters) await cache.use('a', 0, meter)?.bytes;
    expect(meters.map(({ usage }) => usage.objectGets)).toEqual([1, 0]);
    expect(cache.aheadBytes).toBe(0);
  });

  it('drops what was read ahead for a reader that has gone, and nothing else', () => {
    const cache = objectCache(100);
    cache.add(extent('a', 0, 10));
    cache.addAhead(extent('a', 10, 20), () => new Meter().usage);
    cache.addAhead(extent('b', 0, 10), () => new Meter().usage);
    cache.dropAhead('a', 10);
    expect(cache.endOf('a', 0)).toBe(10);
    expect(cache.aheadBytes).toBe(10);
  });
});

describe('the cache of segment items', () => {
  const segment = (baseOffset: number, endOffset: number): Segment => ({
    baseOffset,
    endOffset,
    version: `${baseOffset}-${endOffset}`,
    objectKey: 'o',
    bytes: 1,
    firstTimestampMs: 0,
    maxTimestampMs: 0,
    index: [],
  });

  it('finds the segment that holds an offset, and the newest item where two overlap', () => {
    const clock = manualClock();
    const cache = segmentCache(clock);
    cache.add('p', segment(0, 10), observeNow(clock));
    cache.add('p', segment(20, 30), observeNow(clock));
    expect([0, 9, 10, 19, 20, 30].map((offset) => cache.find('p', offset)?.baseOffset)).toEqual([
      0,
      0,
      undefined,
      undefined,
      20,
      undefined,
    ]);
    cache.add('p', segment(0, 30), observeNow(clock));
    expect(cache.find('p', 25)?.version).toBe('0-30');
  });

  it('serves nothing that is older than a minute, whichever clock stood still', () => {
    for (const step of ['stepWall', 'stepMonotonic'] as const) {
      const clock = manualClock();
      const cache = segmentCache(clock);
      cache.add('p', segment(0, 10), observeNow(clock));
      clock[step](LIMITS.topicCacheMsMax);
      expect(cache.find('p', 5)).toBeDefined();
      clock[step](1);
      expect(cache.find('p', 5)).toBeUndefined();
    }
  });

  it('is bounded for one partition and for all', () => {
    const clock = manualClock();
    const cache = segmentCache(clock);
    const perPartition = LIMITS.segmentCacheItemsPerPartitionMax;
    const partitions = LIMITS.segmentCacheItemsMax / perPartition;
    for (let p = 0; p <= partitions; p += 1) {
      for (let i = 0; i < 2 * perPartition; i += 1) {
        cache.add(`p${p}`, segment(i, i + 1), observeNow(clock));
      }
    }
    const known = Array.from({ length: partitions + 1 }, (_, p) =>
      Array.from({ length: 2 * perPartition }, (__, i) => cache.find(`p${p}`, i)).filter(Boolean),
    );
    expect(known.map((found) => found.length).slice(1)).toEqual(Array(partitions).fill(perPartition));
    expect(known[0]).toEqual([]);
  });
});

it('sequential readers are told apart by where they stand, up to four', () => {
  const readers = cursors();
  const cursor = (offset: number): { offset: number; objectKey: string; position: number } => ({
    offset,
    objectKey: 'o',
    position: offset * 100,
  });
  for (const offset of [1, 2, 3, 4]) expect(readers.put('p', cursor(offset))).toBeUndefined();
  expect(readers.put('p', cursor(5))).toEqual(cursor(1));
  expect(readers.take('p', 3)).toEqual(cursor(3));
  expect(readers.take('p', 3)).toBeUndefined();
  expect(readers.take('q', 4)).toBeUndefined();
});
