import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import type { Log } from '../../../lib/log.ts';
import type { LogOptions } from '../../../lib/open-log.ts';
import { chunkToItem } from '../../../lib/partition/chunk.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { batchOf, newCall } from '../../support/log-on-memory.ts';
import { numberedBatch } from '../../support/producer-batches.ts';
import { newScene, type Scene } from './support.ts';

interface Reads {
  snapshots: number;
  /** Chunks that were read to be replayed. */
  chunks: number;
  snapshotPuts: number;
}

/** A process that knows nothing, with what it reads for the producers' sake. */
async function cold(scene: Scene): Promise<{ readonly log: Log; readonly reads: Reads }> {
  const { hot, catalog } = scene.storage;
  const reads = { snapshots: 0, chunks: 0, snapshotPuts: 0 };
  const query: LogOptions['hot']['query'] = async (pk, range, call) => {
    const page = await hot.query(pk, range, call);
    if (range.reverse !== true) reads.chunks += page.items.length;
    return page;
  };
  const get: LogOptions['catalog']['get'] = (key, options, call) => {
    if (key.pk.startsWith('producers#')) reads.snapshots += 1;
    return catalog.get(key, options, call);
  };
  const put: LogOptions['catalog']['put'] = (item, options, call) => {
    if (item.pk.startsWith('producers#')) reads.snapshotPuts += 1;
    return catalog.put(item, options, call);
  };
  const log = await scene.fresh({ hot: { ...hot, query }, catalog: { ...catalog, get, put } });
  return { log, reads };
}

/** Plain chunks as any writer would have appended them, without the time that it takes. */
async function fillPlain(scene: Scene, count: number, producersEnd?: number): Promise<void> {
  const bytes = batchOf('plain');
  const from = (await scene.chunks()).at(-1)?.endOffset ?? 0;
  for (let offset = from; offset < from + count; offset += 1) {
    const chunk = {
      baseOffset: offset,
      endOffset: offset + 1,
      version: `v${offset}`,
      expiresAtSeconds: 2e9,
      maxTimestampMs: 0,
      identities: [],
      ...(producersEnd === undefined ? {} : { producersEnd }),
      body: { kind: 'inline', bytes } as const,
    };
    const options = { condition: { kind: 'ifAbsent' } } as const;
    await scene.storage.hot.put(chunkToItem(scene.pk, chunk), options, newCall(scene.storage.clock));
  }
}

describe('an idempotent append', () => {
  it('of a process that knows the tail costs what a plain one costs', async () => {
    const scene = await newScene();
    const place = { topic: 't', partition: 0 };
    await scene.send({ producerId: 1, sequence: 0 }, ['a']);
    const usages = [];
    for (const batches of [batchOf('b'), numberedBatch({ producerId: 1, sequence: 1 }, 'c'), batchOf('d')]) {
      const call = scene.call();
      await scene.log.produce({ ...place, batches }, call);
      usages.push(call.meter.usage);
    }
    const [plain, idempotent, hinting] = usages;
    expect(idempotent).toMatchObject({ tableWrites: 1, writeUnits: 1, tableReads: 0, objectPuts: 0 });
    expect({ ...plain, bytesWritten: 0 }).toEqual({ ...idempotent, bytesWritten: 0 });
    expect({ ...hinting, bytesWritten: 0 }).toEqual({ ...idempotent, bytesWritten: 0 });
    // The plain one says in up to 3 bytes where the last one with a producer id ended.
    expect((hinting?.bytesWritten ?? 0) - (idempotent?.bytesWritten ?? 0)).toBeLessThanOrEqual(3);
  });

  it('of a cold process costs one read more, whether or not there ever was a snapshot', async () => {
    const scene = await newScene();
    await scene.plain('a');
    const costs = [];
    for (const batches of [batchOf('b'), numberedBatch({ producerId: 1, sequence: 0 }, 'c')]) {
      const call = scene.call();
      await (await scene.fresh()).produce({ topic: 't', partition: 0, batches }, call);
      const { tableReads, tableWrites } = call.meter.usage;
      costs.push({ tableReads, tableWrites });
    }
    expect(costs).toEqual([
      { tableReads: 3, tableWrites: 1 },
      { tableReads: 4, tableWrites: 1 },
    ]);
  });

  it('after 100,000 plain chunks replays none', { timeout: 60_000 }, async () => {
    const scene = await newScene();
    await scene.send({ producerId: 1, sequence: 0 }, ['first']);
    await fillPlain(scene, 100_000, 1);
    const { log, reads } = await cold(scene);
    expect(await scene.told({ producerId: 1, sequence: 0 }, ['first'], { on: log })).toBe('0 again');
    expect(reads).toEqual({ snapshots: 1, chunks: 1, snapshotPuts: 0 });
    expect(await scene.told({ producerId: 1, sequence: 1 }, ['next'], { on: log })).toBe('100001');
    // Before it there were too many chunks to be replayed by the next one.
    expect(reads).toEqual({ snapshots: 1, chunks: 1, snapshotPuts: 1 });
    const next = await cold(scene);
    expect(await scene.told({ producerId: 1, sequence: 1 }, ['next'], { on: next.log })).toBe('100001 again');
    expect(await scene.told({ producerId: 1, sequence: 0 }, ['first'], { on: next.log })).toBe('0 again');
    expect(next.reads).toEqual({ snapshots: 1, chunks: 1, snapshotPuts: 0 });
  });

  it('in a log that never saw a producer id before replays nothing', async () => {
    const scene = await newScene();
    await fillPlain(scene, 1_000);
    const { log, reads } = await cold(scene);
    expect(await scene.told({ producerId: 1, sequence: 0 }, ['a'], { on: log })).toBe('1000');
    expect(reads).toEqual({ snapshots: 1, chunks: 0, snapshotPuts: 1 });
    expect((await scene.snapshot()).offset).toBe(1_000);
  });

  it('replays 256 chunks at most behind one snapshot, however many processes have written before', {
    timeout: 60_000,
  }, async () => {
    const scene = await newScene();
    const logs = await Promise.all([1, 2, 3].map(() => scene.fresh()));
    let sequence = 0;
    let most = 0;
    for (let step = 0; step < 700; step += 1) {
      const on = logs[step % 3] ?? scene.log;
      if (step % 5 === 0) await scene.plain('p', on);
      else {
        await scene.send({ producerId: 1, sequence }, ['x'], { on });
        sequence += 1;
      }
      if (step % 53 !== 52) continue;
      const { log, reads } = await cold(scene);
      const last = sequence - 1;
      expect(await scene.told({ producerId: 1, sequence: last }, ['x'], { on: log })).toContain('again');
      expect(reads.snapshots).toBe(1);
      most = Math.max(most, reads.chunks);
    }
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThanOrEqual(LIMITS.producerReplayChunksMax);
  });
});

describe('a snapshot that cannot be put', () => {
  const failing = async (scene: Scene): Promise<{ log: Log; mend(): void; tries(): number }> => {
    let isBroken = true;
    let tries = 0;
    const { catalog } = scene.storage;
    const put: LogOptions['catalog']['put'] = (item, options, call) => {
      if (!item.pk.startsWith('producers#') || !isBroken) return catalog.put(item, options, call);
      tries += 1;
      return Promise.reject(new StorageFault('refused', 'no snapshots today'));
    };
    const log = await scene.fresh({ catalog: { ...catalog, put } });
    return {
      log,
      mend: () => {
        isBroken = false;
      },
      tries: () => tries,
    };
  };

  it('holds idempotent appends up only when there would be too much to replay, and plain ones never', async () => {
    const scene = await newScene();
    const { log, mend, tries } = await failing(scene);
    for (let sequence = 0; sequence < 256; sequence += 1) {
      expect(await scene.told({ producerId: 1, sequence }, ['x'], { on: log })).toBe(`${sequence}`);
    }
    expect(tries()).toBeGreaterThanOrEqual(8);
    expect(tries()).toBeLessThanOrEqual(10);
    const [refused, plain] = await Promise.all([
      scene.told({ producerId: 1, sequence: 256 }, ['x'], { on: log }),
      scene.plain('p', log),
    ]);
    expect([refused, plain]).toEqual(['KAFKA_STORAGE_ERROR', 256]);
    const { log: other, reads } = await cold(scene);
    expect(await scene.told({ producerId: 1, sequence: 255 }, ['x'], { on: other })).toBe('255 again');
    expect(reads.chunks).toBe(256);
    mend();
    expect(await scene.told({ producerId: 1, sequence: 256 }, ['x'], { on: log })).toBe('257');
    expect((await scene.snapshot()).offset).toBe(257);
  });

  it('because another process has put one just now is not put twice', async () => {
    const scene = await newScene();
    const [a, b] = await Promise.all([scene.fresh(), scene.fresh()]);
    for (let sequence = 0; sequence < 128; sequence += 1) {
      await scene.send({ producerId: 1, sequence }, ['x'], { on: sequence % 2 === 0 ? a : b });
    }
    const told = await Promise.all([
      scene.told({ producerId: 2, sequence: 0 }, ['y'], { on: a }),
      scene.told({ producerId: 3, sequence: 0 }, ['z'], { on: b }),
    ]);
    expect([...told].sort()).toEqual(['128', '129']);
    const { offset, producers } = await scene.snapshot();
    expect(offset).toBeLessThanOrEqual(129);
    expect(producers.get(1)?.batches.at(-1)?.baseOffset).toBe(127);
  });
});
