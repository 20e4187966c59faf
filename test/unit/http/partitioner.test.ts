import { describe, expect, it } from 'vitest';
import { murmur2, partitionForKey } from '../../../lib/topic/partitioner.ts';
import { createStickyPartitioner } from '../../../lib/topic/sticky-partitioner.ts';
import { manualClock } from '../../tools/manual-clock.ts';

/** Key, murmur2, partition of 6: printed by Utils.murmur2 and BuiltInPartitioner.partitionForKey of kafka-clients 4.1.0. */
const GOLDEN: readonly (readonly [string, number, number])[] = [
  ['', 275646681, 3],
  ['a', -1563381124, 4],
  ['ab', 316155434, 2],
  ['abc', 479470107, 3],
  ['abcd', -1323649548, 2],
  ['21', -973932308, 0],
  ['foobar', -790332482, 0],
  ['a-little-bit-long-string', -985981536, 2],
  ['a-little-bit-longer-string', -1486304829, 5],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971, 5],
  ['ORD', 1930652851, 1],
  ['ключ', 2122343024, 2],
  ['😀 key', 264525617, 5],
];

describe('records with a key', () => {
  it.each(GOLDEN)('key %j goes where the Java client sends it', (key, hash, partition) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
    expect(partitionForKey(Buffer.from(key), 6)).toBe(partition);
  });

  it('bytes above 127 are taken as they are', () => {
    const bytes = Uint8Array.from({ length: 7 }, (_, index) => 0xff - index * 37);
    expect(murmur2(bytes)).toBe(1695022813);
    expect(partitionForKey(bytes, 1000)).toBe(813);
  });
});

describe('records without a key', () => {
  const random = (...values: readonly number[]) => {
    let next = 0;
    return { next: () => values[next++ % values.length] ?? 0, id: () => 'id', uuid: () => 'uuid' };
  };
  const request = { topicId: 't', partitionCount: 4, recordCount: 1, idempotencyKey: undefined };

  it('stay on one partition for a while, then move on', () => {
    const clock = manualClock();
    const choose = createStickyPartitioner({ clock, random: random(0, 0.5) });
    expect([choose(request), choose(request), choose(request)]).toEqual([0, 0, 0]);
    clock.advance(1_001);
    expect(choose(request)).toBe(2);
  });

  it('move on after many records', () => {
    const choose = createStickyPartitioner({ clock: manualClock(), random: random(0.9, 0.3) });
    expect(choose({ ...request, recordCount: 10_000 })).toBe(3);
    expect(choose(request)).toBe(1);
  });

  it('draw anew when the topic has more partitions', () => {
    const choose = createStickyPartitioner({ clock: manualClock(), random: random(0, 0.99) });
    expect(choose(request)).toBe(0);
    expect(choose({ ...request, partitionCount: 8 })).toBe(7);
  });

  it('go where their idempotency key says, in every process', () => {
    const keyed = { ...request, idempotencyKey: 'payment-17' };
    const one = createStickyPartitioner({ clock: manualClock(), random: random(0) });
    const other = createStickyPartitioner({ clock: manualClock(), random: random(0.99) });
    expect(one(keyed)).toBe(other(keyed));
    const drawn = new Set(Array.from({ length: 50 }, (_, n) => one({ ...keyed, idempotencyKey: `k${n}` })));
    expect(drawn.size).toBe(4);
  });
});
