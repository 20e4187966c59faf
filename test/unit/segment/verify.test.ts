import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { openMaintenance } from '../../../lib/maintenance.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { encodeBatch } from '../../../lib/record/index.ts';
import { writeCheckpoint } from '../../../lib/segment/compact/clean-item.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { type Segment, segmentFromItem, segmentToItem } from '../../../lib/segment/segment-item.ts';
import { type VerifyReport, verifyTopic } from '../../../lib/segment/verify/verify.ts';
import type { Call } from '../../../lib/storage/call.ts';
import type { AttributeValue } from '../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { batchOf, codecs, memoryStorage, newCall, textRecord } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';

const DAY_MS = 86_400_000;
const LARGE = 'x'.repeat(20_000);

let clock: ManualClock;
let storage: LogOptions;
let log: Log;
let pk: string;
const call = (): Call => newCall(clock);

beforeEach(async () => {
  clock = manualClock();
  storage = memoryStorage(clock);
  log = await openLog(storage, call());
  await log.createTopic({ name: 'orders', partitionCount: 2 }, call());
  pk = partitionKey((await log.describeTopic('orders', call())).topicId, 0);
  // Two segments, then two chunks, one of them spilled.
  for (const value of ['a', 'b']) {
    await produce(value);
    await produce(LARGE);
    clock.advance(2 * DAY_MS);
    await seal();
  }
  await produce('c');
  await produce(LARGE);
});

const produce = (value: string): ReturnType<Log['produce']> =>
  log.produce({ topic: 'orders', partition: 0, batches: batchOf(value) }, call());

const seal = (): ReturnType<typeof sealOnce> =>
  sealOnce(engineParts(storage), pk, { segmentBytes: 1e9, segmentMs: 1, hotRetentionMs: 7 * DAY_MS }, call());

async function verify(options: { readonly ms?: number } = {}): Promise<VerifyReport> {
  const parts = engineParts(storage);
  const topic = await new TopicCatalog({ ...parts, partitionCountDefault: 1 }).describe('orders', call());
  return verifyTopic(parts, topic, newCall(clock, options));
}

const found = async (): Promise<string[]> => [
  ...new Set((await verify()).findings.map(({ name, offset }) => `${name} ${offset}`)),
];

async function segments(): Promise<Segment[]> {
  const page = await storage.catalog.query(
    pk,
    { from: 'seg#', to: 'seg#~', limit: 100, consistent: true },
    call(),
  );
  return page.items.map(segmentFromItem);
}

async function changeSegment(at: number, change: Partial<Segment>): Promise<void> {
  const segment = (await segments())[at];
  if (segment === undefined) throw new Error('there is no such segment');
  const condition = { kind: 'ifVersion', version: segment.version } as const;
  await storage.catalog.put(
    segmentToItem(pk, { ...segment, version: 'changed', ...change }),
    { condition },
    call(),
  );
}

/** Puts the changed bytes of a segment's object in its place. */
async function changeObject(at: number, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const objectKey = (await segments())[at]?.objectKey ?? '';
  const bytes = await storage.bucket.get(objectKey, undefined, call());
  await storage.bucket.delete([objectKey], call());
  await storage.bucket.put(objectKey, change(bytes ?? new Uint8Array()), call());
}

async function changeChunk(
  offset: number,
  change: { readonly [name: string]: AttributeValue } | undefined,
): Promise<void> {
  const { item } = await storage.hot.get({ pk, sk: offset }, { consistent: true }, call());
  if (item === undefined) throw new Error('there is no such chunk');
  if (change === undefined) {
    await storage.hot.delete({ pk, sk: offset }, { ifVersion: item.version }, call());
    return;
  }
  const condition = { kind: 'ifVersion', version: item.version } as const;
  const attributes = { ...item.attributes, ...change };
  await storage.hot.put({ ...item, version: 'changed', attributes }, { condition }, call());
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

it('a sound log has no findings, and everything in it was looked at', async () => {
  expect(await verify()).toMatchObject({
    topic: 'orders',
    partitionCount: 2,
    segmentCount: 2,
    chunkCount: 2,
    batchCount: 6,
    recordCount: 6,
    findings: [],
    findingCount: 0,
    isComplete: true,
  });
});

describe('a segment', () => {
  it('whose object is gone', async () => {
    await storage.bucket.delete([(await segments())[0]?.objectKey ?? ''], call());
    expect(await found()).toEqual(['object-missing 0']);
  });

  it('whose object is shorter or longer than its item says', async () => {
    await changeObject(0, (bytes) => bytes.subarray(0, -1));
    await changeObject(1, (bytes) => Buffer.concat([bytes, Buffer.of(0)]));
    expect(await found()).toEqual(expect.arrayContaining(['object-size 0', 'object-size 2']));
  });

  it('with one wrong bit is named, and what stands behind it is checked all the same', async () => {
    await changeObject(0, (bytes) => flipped(bytes, 65));
    await changeObject(1, (bytes) => flipped(bytes, bytes.length - 2));
    expect(await found()).toEqual(['batch-checksum 0', 'batch-checksum 3']);
  });

  it('that holds something else', async () => {
    await changeObject(0, (bytes) => bytes.map(() => 7));
    expect(await found()).toEqual(expect.arrayContaining(['batch-format 0']));
  });

  it('whose batches are not those of its offsets', async () => {
    await changeObject(0, (bytes) => flipped(bytes, 7));
    expect(await found()).toEqual(expect.arrayContaining(['batch-offsets 1']));
  });

  it('whose index points to no batch, or whose largest timestamp is too small', async () => {
    const entry = { offset: 1, position: 5, maxTimestampMs: 0 };
    await changeSegment(0, { index: [entry], maxTimestampMs: 7 });
    expect(await found()).toEqual(['index 1', 'timestamps 0']);
  });

  it('that is missing from the chain, or stands in it twice', async () => {
    await changeSegment(0, { endOffset: 1 });
    expect(await found()).toEqual(expect.arrayContaining(['segment-gap 1']));
    await changeSegment(0, { endOffset: 3 });
    expect(await found()).toEqual(expect.arrayContaining(['segment-overlap 2']));
  });

  it('that a newer version wrote', async () => {
    const item = { pk, sk: 'seg#00000000000000000009', version: 'v', attributes: { f: 99 } };
    await storage.catalog.put(item, { condition: { kind: 'ifAbsent' } }, call());
    expect((await verify()).findings).toMatchObject([{ name: 'unreadable' }]);
  });
});

describe('a chunk', () => {
  it('that is missing', async () => {
    await changeChunk(4, undefined);
    expect(await found()).toEqual(['hot-gap 4']);
  });

  it('whose bytes are damaged', async () => {
    const { item } = await storage.hot.get({ pk, sk: 4 }, { consistent: true }, call());
    const bytes = item?.attributes.b as Uint8Array;
    await changeChunk(4, { b: flipped(bytes, bytes.length - 2) });
    expect(await found()).toEqual(['batch-checksum 4']);
    await changeChunk(4, { b: bytes.subarray(0, -3) });
    expect(await found()).toEqual(['batch-format 4']);
  });

  it('that covers other offsets than its batches', async () => {
    await changeChunk(5, { n: 3 });
    expect(await found()).toEqual(['batch-offsets 5']);
  });

  it('whose object is gone, or whose summaries are wrong', async () => {
    await changeChunk(5, { h: new Uint8Array(30) });
    expect(await found()).toEqual(['summaries 5']);
    const { item } = await storage.hot.get({ pk, sk: 5 }, { consistent: true }, call());
    const span = item?.attributes.o;
    await storage.bucket.delete([String(Array.isArray(span) ? span[0] : '')], call());
    expect(await found()).toEqual(['object-missing 5']);
  });

  it('that storage may delete although it is not sealed', async () => {
    clock.advance(8 * DAY_MS);
    expect(await found()).toEqual(['expiry 4', 'expiry 5']);
  });
});

it('an incident that the sweep noted is told as long as it stands', async () => {
  const incident = { pk, sk: 'incident', version: 'v', attributes: { f: 1, k: 'gap', o: 3, n: 4, t: 0 } };
  await storage.catalog.put(incident, { condition: { kind: 'ifAbsent' } }, call());
  expect(await found()).toEqual(['incident 3']);
});

it('a map of a compaction that is gone', async () => {
  const mapKey = `segments/${pk.replace(':', '/')}/pass/offsets.map`;
  const pass = { id: 'pass', from: 0, limit: 4, mapEnd: 4, mapKey };
  const checkpoint = { cleanTo: 9, points: [], pass };
  await writeCheckpoint(engineParts(storage), pk, { seen: undefined, checkpoint, fences: [] }, call());
  expect((await verify()).findings).toMatchObject([
    { name: 'compaction', offset: 9 },
    { name: 'compaction' },
  ]);
});

it('a log that was compacted is sound, holes and all', async () => {
  const record = (key: string, value: string): Uint8Array =>
    encodeBatch(codecs, [textRecord(value, { key: Buffer.from(key) })], { compression: 'none' });
  await log.createTopic(
    { name: 'keyed', configs: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' } },
    call(),
  );
  const { topicId } = await log.describeTopic('keyed', call());
  pk = partitionKey(topicId, 0);
  for (const [key = '', value = ''] of ['a1', 'b1', 'a2', 'c1', 'a3'].map((text) => [...text])) {
    await log.produce({ topic: 'keyed', partition: 0, batches: record(key, value) }, call());
  }
  clock.advance(2 * DAY_MS);
  await seal();
  clock.advance(2 * DAY_MS);
  const { run } = openMaintenance(engineParts(storage));
  expect((await run('compact', 'keyed', call())).counts).toMatchObject({ rewrittenCount: 1 });
  const report = await run('verify', 'keyed', call());
  expect(report).toMatchObject({ findings: [], counts: { segmentCount: 1, recordCount: 3 } });
});

it('a check whose time is over says that it is not complete', async () => {
  expect(await verify({ ms: 0 })).toMatchObject({ isComplete: false, findingCount: 0 });
});

it('a segment that is replaced while it is looked at is looked at again', async () => {
  const objectKey = (await segments())[0]?.objectKey ?? '';
  const bytes = await storage.bucket.get(objectKey, undefined, call());
  const get: LogOptions['bucket']['get'] = async (key, range, asked) => {
    if (key === objectKey) {
      const copy = objectKey.replace(/[^/]+\/(\d+\.log)$/, 'replacement/$1');
      await storage.bucket.put(copy, bytes ?? new Uint8Array(), call());
      await changeSegment(0, { objectKey: copy });
      await storage.bucket.delete([objectKey], call());
      return undefined;
    }
    return inner.get(key, range, asked);
  };
  const inner = storage.bucket;
  storage = { ...storage, bucket: { ...inner, get } };
  expect(await verify()).toMatchObject({ segmentCount: 2, findings: [] });
});
