import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { encodeBatch } from '../../../lib/record/index.ts';
import type { Call } from '../../../lib/storage/call.ts';
import {
  batchOf,
  codecs,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
  textOf,
  textRecord,
} from '../../support/log-on-memory.ts';
import { sealDue } from '../../support/seal-due.ts';

let storage: LogOptions;
let log: Log;
const call = (): Call => newCall(storage.clock);

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
  await log.createTopic({ name: 'orders', partitionCount: 2 }, call());
});

const produce = (
  values: readonly string[],
  options: { readonly on?: Log } = {},
): ReturnType<Log['produce']> =>
  (options.on ?? log).produce({ topic: 'orders', partition: 0, batches: batchOf(...values) }, call());

const readAll = async (from = 0, on: Log = log): Promise<string[]> => {
  const found: string[] = [];
  for (let offset = from; ; ) {
    const { batches, nextOffset } = await on.fetch(
      { topic: 'orders', partition: 0, offset, maxBytes: 200 },
      call(),
    );
    found.push(...textOf(batches));
    if (nextOffset === offset) return found;
    offset = nextOffset;
  }
};

describe('append and fetch', () => {
  it('answers consecutive offsets and reads them back in order', async () => {
    expect((await produce(['a', 'b'])).baseOffset).toBe(0);
    expect((await produce(['c'])).baseOffset).toBe(2);
    expect(await readAll()).toEqual(['0:a', '1:b', '2:c']);
  });

  it('leaves the bytes it was given alone, so that they can be sent again and elsewhere at once', async () => {
    await produce(['z']);
    const batches = batchOf('a');
    await Promise.all(
      [0, 0, 1].map((partition) => log.produce({ topic: 'orders', partition, batches }, call())),
    );
    expect(await readAll()).toEqual(['0:z', '1:a', '2:a']);
    const other = await log.fetch({ topic: 'orders', partition: 1, offset: 0 }, call());
    expect(textOf(other.batches)).toEqual(['0:a']);
  });

  it('finds partitions that another process has added since it looked the topic up', async () => {
    await produce(['a']);
    await (await openMemoryLog(storage)).createPartitions('orders', 3, call());
    const batches = batchOf('new');
    expect((await log.produce({ topic: 'orders', partition: 2, batches }, call())).baseOffset).toBe(0);
    expect(await refusal(log.produce({ topic: 'orders', partition: 3, batches }, call()))).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
  });

  it('keeps partitions apart', async () => {
    await produce(['a']);
    const other = await log.produce({ topic: 'orders', partition: 1, batches: batchOf('x') }, call());
    expect(other.baseOffset).toBe(0);
    expect(await readAll()).toEqual(['0:a']);
  });

  it('costs one write unit and nothing else when warm and at most 900 bytes', async () => {
    await produce(['warm']);
    const value = 'x'.repeat(900 - batchOf('').length - 2);
    const batch = batchOf(value);
    expect(batch.length).toBe(900);
    const warm = call();
    await log.produce({ topic: 'orders', partition: 0, batches: batch }, warm);
    expect(warm.meter.usage).toMatchObject({
      writeUnits: 1,
      tableWrites: 1,
      readUnits: 0,
      tableReads: 0,
      objectPuts: 0,
    });
  });

  it('spills a large batch: one object and one write unit', async () => {
    await produce(['warm']);
    const warm = call();
    const { baseOffset } = await log.produce(
      { topic: 'orders', partition: 0, batches: batchOf('y'.repeat(100_000), 'z') },
      warm,
    );
    expect(baseOffset).toBe(1);
    expect(warm.meter.usage).toMatchObject({ writeUnits: 1, tableWrites: 1, readUnits: 0, objectPuts: 1 });
    expect((await readAll()).map((text) => text.slice(0, 3))).toEqual(['0:w', '1:y', '2:z']);
  });

  it('joins appends that arrive during a write into one chunk, each with its own offsets', async () => {
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => produce([`v${i}`])));
    expect(results.map((result) => result.baseOffset)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(await readAll()).toEqual(Array.from({ length: 50 }, (_, i) => `${i}:v${i}`));
  });

  it('lets many processes append to one partition with nothing lost or doubled', async () => {
    const logs = await Promise.all(Array.from({ length: 4 }, () => openMemoryLog(storage)));
    const results = await Promise.all(
      Array.from({ length: 80 }, (_, i) => produce([`v${i}`], { on: logs[i % 4] ?? log })),
    );
    const stored = await readAll();
    expect(stored.length).toBe(80);
    results.forEach(({ baseOffset }, i) => {
      expect(stored[baseOffset]).toBe(`${baseOffset}:v${i}`);
    });
  });

  it('starts in the middle of a chunk with the batch that holds the offset', async () => {
    await produce(['a', 'b', 'c']);
    await produce(['d']);
    const { batches, nextOffset } = await log.fetch({ topic: 'orders', partition: 0, offset: 1 }, call());
    expect(textOf(batches)).toEqual(['0:a', '1:b', '2:c', '3:d']);
    expect(nextOffset).toBe(4);
  });

  it('answers an oversized batch alone instead of nothing', async () => {
    await produce(['x'.repeat(5_000)]);
    await produce(['y']);
    const { batches } = await log.fetch({ topic: 'orders', partition: 0, offset: 0, maxBytes: 10 }, call());
    expect(batches.length).toBe(1);
  });

  it('asks one query at the tail, for at most half a read unit', async () => {
    await produce(['a']);
    await log.fetch({ topic: 'orders', partition: 0, offset: 0 }, call());
    const idle = call();
    const nothing = await log.fetch({ topic: 'orders', partition: 0, offset: 1 }, idle);
    expect(nothing).toMatchObject({ batches: [], nextOffset: 1, highWatermark: 1 });
    expect(idle.meter.usage).toMatchObject({ tableReads: 1, readUnits: 0.5 });
    await produce(['b']);
    const tail = call();
    await log.fetch({ topic: 'orders', partition: 0, offset: 1 }, tail);
    expect(tail.meter.usage).toMatchObject({ tableReads: 1, readUnits: 0.5, objectGets: 0 });
  });

  it('refuses offsets beyond the end and below zero', async () => {
    await produce(['a']);
    expect(await refusal(log.fetch({ topic: 'orders', partition: 0, offset: 2 }, call()))).toBe(
      'OFFSET_OUT_OF_RANGE',
    );
    expect(await refusal(log.fetch({ topic: 'orders', partition: 0, offset: -1 }, call()))).toBe(
      'OFFSET_OUT_OF_RANGE',
    );
  });

  it('wakes a waiting fetch when the same process appends', async () => {
    await produce(['a']);
    const waiting = log.fetch({ topic: 'orders', partition: 0, offset: 1, waitMs: 5_000 }, call());
    await produce(['b']);
    expect(textOf((await waiting).batches)).toEqual(['1:b']);
  });

  it('notices what another process appends while it waits', async () => {
    await produce(['a']);
    const other = await openMemoryLog(storage);
    const waiting = log.fetch({ topic: 'orders', partition: 0, offset: 1, waitMs: 5_000 }, call());
    await produce(['b'], { on: other });
    expect(textOf((await waiting).batches)).toEqual(['1:b']);
  });

  it('gives up waiting at once when nobody listens any more', async () => {
    const gone = new AbortController();
    const waiting = log.fetch(
      { topic: 'orders', partition: 0, offset: 0, waitMs: 9_000 },
      { ...call(), signal: gone.signal },
    );
    gone.abort();
    expect((await waiting).batches).toEqual([]);
  });
});

describe('deleting and creating again', () => {
  it('gives the name a new life at offset 0 and refuses what a stale process still sends', async () => {
    const stale = await openMemoryLog(storage);
    await produce(['old'], { on: stale });
    await log.deleteTopic('orders', call());
    expect(await refusal(produce(['late'], { on: stale }))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await log.createTopic({ name: 'orders', partitionCount: 1 }, call());
    expect((await produce(['new'], { on: stale })).baseOffset).toBe(0);
    expect(await readAll()).toEqual(['0:new']);
  });
});

describe('sealing', () => {
  const seal = async (): Promise<Awaited<ReturnType<typeof sealDue>>> =>
    sealDue(engineParts(storage), call());

  it('moves due chunks to a segment and reads go on across the boundary', async () => {
    await log.alterConfigs(
      'orders',
      [{ name: 'segment.bytes', value: '300' }],
      { validateOnly: false },
      call(),
    );
    for (let i = 0; i < 10; i += 1) await produce([`v${i}`, 'x'.repeat(i === 5 ? 20_000 : 10)]);
    const report = await seal();
    expect(report).toMatchObject({ partitionCount: 2, failures: [] });
    expect(report.sealedCount).toBeGreaterThan(1);
    await produce(['tail']);
    const stored = await readAll(0, await openMemoryLog(storage));
    expect(stored.length).toBe(21);
    expect(stored.map((text) => Number(text.split(':')[0]))).toEqual(Array.from({ length: 21 }, (_, i) => i));
  });

  it('leaves the tail where it was even when every hot item has expired', async () => {
    await log.alterConfigs(
      'orders',
      [{ name: 'segment.bytes', value: '14' }],
      { validateOnly: false },
      call(),
    );
    await produce(['a']);
    await produce(['b']);
    await seal();
    const { topicId } = await log.describeTopic('orders', call());
    const pk = partitionKey(topicId, 0);
    const page = await storage.hot.query(pk, { limit: 10, consistent: true }, call());
    for (const item of page.items)
      await storage.hot.delete({ pk, sk: item.sk }, { ifVersion: item.version }, call());
    const fresh = await openMemoryLog(storage);
    expect((await produce(['c'], { on: fresh })).baseOffset).toBe(2);
    expect(await readAll(0, fresh)).toEqual(['0:a', '1:b', '2:c']);
  });

  it('names a gap instead of skipping it', async () => {
    await produce(['a']);
    await produce(['b']);
    await produce(['c']);
    const { topicId } = await log.describeTopic('orders', call());
    const pk = partitionKey(topicId, 0);
    const { item } = await storage.hot.get({ pk, sk: 1 }, { consistent: true }, call());
    await storage.hot.delete({ pk, sk: 1 }, { ifVersion: item?.version ?? '' }, call());
    expect(await refusal(log.fetch({ topic: 'orders', partition: 0, offset: 1 }, call()))).toBe(
      'KAFKA_STORAGE_ERROR',
    );
    await log.alterConfigs(
      'orders',
      [{ name: 'segment.bytes', value: '14' }],
      { validateOnly: false },
      call(),
    );
    const report = await seal();
    expect(report.failures).toEqual([
      { topic: 'orders', partition: 0, reason: expect.stringContaining('gap at offset 1') },
    ]);
  });
});

describe('topic configs that change what is stored', () => {
  const alter = (name: string, value: string): Promise<void> =>
    log.alterConfigs('orders', [{ name, value }], { validateOnly: false }, call());

  it('message.timestamp.type=LogAppendTime stamps records on arrival', async () => {
    await alter('message.timestamp.type', 'LogAppendTime');
    const { logAppendTimeMs } = await produce(['a']);
    expect(logAppendTimeMs).toBeGreaterThan(1_700_000_000_000);
    const { offset, timestampMs } = await log.listOffsets(
      { topic: 'orders', partition: 0, at: 'max-timestamp' },
      call(),
    );
    expect([offset, timestampMs]).toEqual([0, logAppendTimeMs]);
  });

  it('compression.type compresses anew what came in another codec', async () => {
    await alter('compression.type', 'zstd');
    await produce(['a'.repeat(2_000)]);
    const { batches } = await log.fetch({ topic: 'orders', partition: 0, offset: 0 }, call());
    expect((batches[0]?.[22] ?? 0) & 7).toBe(4);
    expect(textOf(batches)).toEqual([`0:${'a'.repeat(2_000)}`]);
  });

  it('max.message.bytes holds for what the topic’s own codec makes of a batch', async () => {
    await alter('max.message.bytes', '1000');
    await alter('compression.type', 'uncompressed');
    const batches = encodeBatch(codecs, [textRecord('x'.repeat(100_000))], { compression: 'gzip' });
    expect(batches.length).toBeLessThan(1_000);
    expect(await refusal(log.produce({ topic: 'orders', partition: 0, batches }, call()))).toBe(
      'MESSAGE_TOO_LARGE',
    );
    expect(await readAll()).toEqual([]);
  });

  it('max.message.bytes refuses a larger batch and stores nothing', async () => {
    await alter('max.message.bytes', '100');
    expect(await refusal(produce(['x'.repeat(200)]))).toBe('MESSAGE_TOO_LARGE');
    expect(await readAll()).toEqual([]);
  });
});
