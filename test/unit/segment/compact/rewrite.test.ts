import { describe, expect, it } from 'vitest';
import { batchesIn, decodeBatch, encodeBatch, type NewRecord } from '../../../../lib/record/index.ts';
import { ALL_RULES } from '../../../../lib/rules.ts';
import { lastBatches } from '../../../../lib/segment/compact/last-batches.ts';
import { offsetMap } from '../../../../lib/segment/compact/offset-map.ts';
import { type Knowledge, rewriteSegment } from '../../../../lib/segment/compact/rewrite.ts';
import { survivors } from '../../../../lib/segment/compact/survivors.ts';
import { describeSegment } from '../../../../lib/segment/describe-segment.ts';
import type { Segment } from '../../../../lib/segment/segment-item.ts';
import { codecs, memoryStorage, newCall } from '../../../support/log-on-memory.ts';
import { virtualClock } from '../../storage/virtual-clock.ts';

const clock = virtualClock();
const { bucket } = memoryStorage(clock);
const deps = { bucket, codecs, rules: ALL_RULES };
const NO_PRODUCER = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

const record = (key: string | null, value: string | null): NewRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestampMs: 1_700_000_000_000,
});

/** A segment of these batches, one after another from offset 0. */
async function segmentOf(
  batches: readonly { readonly records: readonly NewRecord[]; readonly isControl?: boolean }[],
): Promise<Segment> {
  let baseOffset = 0;
  const description = describeSegment(0);
  const encoded = batches.map(({ records, isControl = false }) => {
    const batch = encodeBatch(codecs, records, {
      compression: 'none',
      baseOffset,
      isControl,
      isTransactional: isControl,
      producer: isControl ? { ...NO_PRODUCER, producerId: 4, producerEpoch: 0 } : NO_PRODUCER,
    });
    baseOffset += records.length;
    for (const { header } of batchesIn(batch)) description.add(header);
    return batch;
  });
  const objectKey = `segments/t/0/${Math.random().toString(36).slice(2)}/0.log`;
  await bucket.put(objectKey, Buffer.concat(encoded), newCall(clock));
  return { ...description.finish(), version: 'v', objectKey };
}

/** As of a pass whose dirty stretch is 40 to 100, unless it says otherwise. */
function knowing(newest: Record<string, number>, more: Partial<Knowledge> = {}): Knowledge {
  const { mapEnd = 100, from = Math.min(40, mapEnd) } = more;
  const map = offsetMap({ secret: new Uint8Array(16), mapBytes: 2_400 });
  for (const [key, offset] of Object.entries(newest)) map.put(offset, Buffer.from(key));
  return {
    ...{ map, producers: lastBatches(), from, mapEnd, survivors: survivors(map, { from, end: mapEnd }) },
    ...{ tombstoneEnd: 0, nowMs: clock.wallMs() },
    ...more,
  };
}

async function offsetsLeft(segment: Segment, knowledge: Knowledge): Promise<number[] | 'same'> {
  const rewritten = await rewriteSegment(deps, segment, knowledge, newCall(clock));
  if (rewritten.kind === 'same') return 'same';
  return [...batchesIn(rewritten.bytes)].flatMap(({ bytes }) =>
    decodeBatch(codecs, bytes).map(({ offset }) => offset),
  );
}

describe('a segment that compaction rewrites', () => {
  it('loses what the map knows a newer record of, and only below the end of the map', async () => {
    const segment = await segmentOf([
      { records: [record('a', '1'), record('b', '1'), record('a', '2')] },
      { records: [record('c', '1'), record('a', '3')] },
    ]);
    expect(await offsetsLeft(segment, knowing({ a: 50 }))).toEqual([1, 3]);
    expect(await offsetsLeft(segment, knowing({ a: 50 }, { mapEnd: 2 }))).toEqual([1, 2, 3, 4]);
    expect(await offsetsLeft(segment, knowing({ a: 50 }, { mapEnd: 0 }))).toBe('same');
    expect(await offsetsLeft(segment, knowing({ a: 2 }))).toEqual([1, 2, 3, 4]);
    expect(await offsetsLeft(segment, knowing({ z: 99 }))).toBe('same');
  });

  it('loses in the dirty stretch all but the newest, tombstones being newest too', async () => {
    const segment = await segmentOf([
      { records: [record('a', '1'), record('b', '1')] },
      { records: [record('a', '2'), record('c', null), record(null, '1')] },
      { records: [record('d', '1'), record('e', '1')] },
      { records: [record('d', '2')] },
    ]);
    const newest = { a: 2, b: 1, c: 3, d: 7, e: 6 };
    expect(await offsetsLeft(segment, knowing(newest, { from: 0, mapEnd: 8 }))).toEqual([1, 2, 3, 6, 7]);
    // The stretch begins and ends inside batches; below it the keys tell.
    const { d: _, ...upTo7 } = newest;
    expect(await offsetsLeft(segment, knowing({ ...upTo7, d: 5 }, { from: 1, mapEnd: 7 }))).toEqual([
      1, 2, 3, 5, 6, 7,
    ]);
  });

  it('loses tombstones below the horizon, also of keys that the map does not know', async () => {
    const segment = await segmentOf([{ records: [record('a', null), record('b', null), record('c', '1')] }]);
    expect(await offsetsLeft(segment, knowing({}, { tombstoneEnd: 1 }))).toEqual([1, 2]);
    expect(await offsetsLeft(segment, knowing({ b: 1 }, { tombstoneEnd: 2 }))).toEqual([2]);
  });

  it('loses records without a key, as in Kafka: nothing could ever replace them', async () => {
    const segment = await segmentOf([{ records: [record(null, '1'), record('a', '1'), record(null, null)] }]);
    expect(await offsetsLeft(segment, knowing({}))).toEqual([1]);
  });

  it('keeps an empty key apart from no key', async () => {
    const segment = await segmentOf([{ records: [record('', '1'), record('', '2')] }]);
    expect(await offsetsLeft(segment, knowing({ '': 1 }))).toEqual([1]);
  });

  it('keeps control batches, whose keys are no keys of users', async () => {
    const marker = { key: Buffer.from([0, 0, 0, 1]), value: Buffer.alloc(6), headers: [], timestampMs: 1 };
    const segment = await segmentOf([
      { records: [record('a', '1')] },
      { records: [marker], isControl: true },
    ]);
    const knowledge = knowing({ a: 50 });
    knowledge.map.put(60, marker.key);
    const rewritten = await rewriteSegment(deps, segment, knowledge, newCall(clock));
    if (rewritten.kind !== 'changed') throw new Error(rewritten.kind);
    const [left, ...others] = [...batchesIn(rewritten.bytes)];
    expect(others).toEqual([]);
    expect(left?.header).toMatchObject({ baseOffset: 1, isControl: true, recordCount: 1 });
    expect(rewritten.content).toMatchObject({ baseOffset: 0, endOffset: 2 });
  });

  it('is read in windows and comes out the same, however large it is', async () => {
    const value = 'x'.repeat(300_000);
    const segment = await segmentOf(
      Array.from({ length: 60 }, (_, i) => ({ records: [record(`key ${i % 40}`, value)] })),
    );
    const reads: number[] = [];
    const watched = {
      ...deps,
      bucket: {
        ...bucket,
        get: async (...args: Parameters<typeof bucket.get>) => {
          reads.push(args[1]?.length ?? Number.POSITIVE_INFINITY);
          return bucket.get(...args);
        },
      },
    };
    const newest = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`key ${i}`, 40 + i]));
    const rewritten = await rewriteSegment(watched, segment, knowing(newest), newCall(clock));
    if (rewritten.kind !== 'changed') throw new Error(rewritten.kind);
    expect([...batchesIn(rewritten.bytes)].map(({ header }) => header.baseOffset)).toEqual(
      Array.from({ length: 40 }, (_, i) => 20 + i),
    );
    expect(reads.length).toBeGreaterThan(3);
    expect(Math.max(...reads)).toBeLessThanOrEqual(4_194_304);
    expect(reads.reduce((total, bytes) => total + bytes, 0)).toBe(segment.bytes);
  });
});
