import { describe, expect, it } from 'vitest';
import { batchesIn, readBatchHeader } from '../../../../lib/record/index.ts';
import { newCall } from '../../../support/log-on-memory.ts';
import { DELETE_RETENTION_MS, kvs, openWorld, textsOf } from './support.ts';

describe('a pass of compaction', () => {
  it('leaves the newest record of every key, at its offset', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1'), kvs('a2 c1')]);
    await world.produce([kvs('b2 a3'), kvs('d1')]);
    await world.seal();
    expect(await world.compact()).toMatchObject({
      kind: 'compacted',
      cleanTo: 7,
      more: false,
      work: { segmentCount: 2, rewrittenCount: 1 },
    });
    expect(textsOf(await world.readAll())).toBe('3:c1 4:b2 5:a3 6:d1');
    expect(await world.violations()).toEqual([]);
    expect(await world.compact()).toEqual({ kind: 'notDue', cleanTo: 7, dirtyRatio: 0 });
  });

  it('leaves hot data alone, and compacts it once it is sealed', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1')]);
    await world.seal();
    await world.produce([kvs('a2')]);
    await world.compact();
    expect(textsOf(await world.readAll())).toBe('0:a1 1:a2');
    await world.seal();
    await world.compact();
    expect(textsOf(await world.readAll())).toBe('1:a2');
  });

  it('keeps the item of a segment that has lost all its records, so the chain goes on', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1')]);
    await world.produce([kvs('a2 b2')]);
    await world.seal();
    await world.compact();
    const [first, second] = await world.segments();
    expect(first).toMatchObject({ baseOffset: 0, endOffset: 2, objectKey: undefined, bytes: 0, index: [] });
    expect(second).toMatchObject({ baseOffset: 2, endOffset: 4 });
    await world.produce([kvs('c1')]);
    expect(textsOf(await world.readAll())).toBe('2:a2 3:b2 4:c1');
  });

  it('cleans any number of keys with a map that holds few of them, a stretch at a time', async () => {
    const world = await openWorld();
    const rounds = ['1', '2', '3'];
    for (const value of rounds) {
      await world.produce([
        Array.from({ length: 40 }, (_, i) => ({ key: String.fromCharCode(65 + i), value })),
      ]);
    }
    await world.seal();
    const ends: number[] = [];
    for (let outcome = await world.compact({ mapBytes: 240 }); outcome.kind === 'compacted'; ) {
      ends.push(outcome.cleanTo);
      expect(await world.violations()).toEqual([]);
      outcome = await world.compact({ mapBytes: 240 });
    }
    expect(ends.length).toBe(14);
    expect(ends.at(-1)).toBe(120);
    expect((await world.readAll()).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 40 }, (_, i) => 80 + i),
    );
  });

  it('keeps a tombstone for its time, counted from when nothing that it deletes was left', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1')]);
    await world.produce([kvs('a-')]);
    await world.seal();
    world.clock.advance(50 * DELETE_RETENTION_MS);
    await world.compact();
    expect(textsOf(await world.readAll())).toBe('1:b1 2:a-');

    const touch = async (): Promise<void> => {
      await world.produce([kvs('z1')]);
      await world.seal();
      await world.compact();
    };
    world.clock.advance(DELETE_RETENTION_MS - 1);
    await touch();
    expect(textsOf(await world.readAll())).toBe('1:b1 2:a- 3:z1');
    world.clock.advance(1);
    await touch();
    expect(textsOf(await world.readAll())).toBe('1:b1 4:z1');
    expect(await world.violations()).toEqual([]);
  });

  it('starts at the log start, and leaves what lies below', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1')]);
    await world.produce([kvs('b1')]);
    await world.produce([kvs('a2')]);
    await world.seal();
    const item = { pk: world.pk, sk: 'start', version: 'v', attributes: { f: 1, s: 2 } };
    await world.parts.catalog.put(item, { condition: { kind: 'ifAbsent' } }, newCall(world.clock));
    expect(await world.compact()).toMatchObject({ kind: 'compacted', cleanTo: 3 });
  });

  it('keeps the header of a producer’s last batch for a day, and of no earlier one', async () => {
    const world = await openWorld();
    const producer = (baseSequence: number) => ({
      producer: { producerId: 9, producerEpoch: 1, baseSequence },
    });
    await world.produce([kvs('a1 b1')], producer(0));
    await world.produce([kvs('a2 b2')], producer(2));
    await world.produce([kvs('a3 b3')]);
    await world.seal();
    await world.compact();
    const headersOf = async (): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (const { objectKey } of await world.segments()) {
        const bytes = objectKey && (await world.parts.bucket.get(objectKey, undefined, newCall(world.clock)));
        for (const { header } of batchesIn(bytes || new Uint8Array()))
          found.push([header.baseOffset, header.recordCount]);
      }
      return found;
    };
    expect(await headersOf()).toEqual([
      [2, 0],
      [4, 2],
    ]);
    expect(textsOf(await world.readAll())).toBe('4:a3 5:b3');

    world.clock.advance(86_400_000);
    await world.produce([kvs('c1')]);
    await world.seal();
    await world.compact();
    expect(await headersOf()).toEqual([
      [4, 2],
      [6, 1],
    ]);
  });

  it('says in the item what is left: index, size and largest timestamp', async () => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1')]);
    const early = world.clock.wallMs();
    world.clock.advance(500);
    await world.produce([kvs('c1'), kvs('d1 a2')]);
    world.clock.advance(500);
    await world.produce([kvs('c2 d2')]);
    await world.seal();
    await world.compact();
    const [first, second] = await world.segments();
    expect(first).toMatchObject({ firstTimestampMs: early, maxTimestampMs: early });
    expect(second).toMatchObject({ maxTimestampMs: early + 500 });
    const object = await world.parts.bucket.get(second?.objectKey ?? '', undefined, newCall(world.clock));
    expect(object?.length).toBe(second?.bytes);
    expect(second?.index).toEqual([{ offset: 3, position: 0, maxTimestampMs: early + 500 }]);
    expect(readBatchHeader(object ?? new Uint8Array())).toMatchObject({
      baseOffset: 3,
      lastOffsetDelta: 1,
      recordCount: 1,
    });
  });

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'works on batches in %s',
    async (compression) => {
      const world = await openWorld();
      await world.produce([kvs('a1 b1 c1'), kvs('a2 d1')], { compression });
      await world.produce([kvs('c2 d2')], { compression });
      await world.seal();
      await world.compact();
      expect(textsOf(await world.readAll())).toBe('1:b1 3:a2 5:c2 6:d2');
    },
  );

  it('stops when the time is up, and goes on where it was', async () => {
    const world = await openWorld();
    for (let i = 0; i < 20; i += 1) await world.produce([kvs(`a${i % 9} b${i % 9}`)]);
    await world.seal();
    // Every request takes a tenth of the time a call has.
    const slow = {
      ...world.parts,
      bucket: {
        ...world.parts.bucket,
        get: async (...args: Parameters<typeof world.parts.bucket.get>) => {
          world.clock.advance(1_000);
          return world.parts.bucket.get(...args);
        },
      },
    };
    const kinds: string[] = [];
    for (let i = 0; i < 50 && kinds.at(-1) !== 'compacted'; i += 1) {
      kinds.push((await world.compact({}, slow)).kind);
      expect(await world.violations()).toEqual([]);
    }
    expect(kinds.at(-1)).toBe('compacted');
    expect(kinds.filter((kind) => kind === 'unfinished').length).toBeGreaterThan(3);
    expect(textsOf(await world.readAll())).toBe('38:a1 39:b1');
  });
});
