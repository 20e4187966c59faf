import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryBucket } from '../../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import type { Log } from '../../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../../lib/open-log.ts';
import { partitionKey } from '../../lib/partition/chunk.ts';
import { COMPRESSION_NAMES } from '../../lib/record/compression/names.ts';
import { encodeBatch, loadCodecs } from '../../lib/record/index.ts';
import { createCopier } from '../../lib/replication/copy/create-copier.ts';
import { compactOnce } from '../../lib/segment/compact/pass.ts';
import { sealOnce } from '../../lib/segment/seal/seal.ts';
import type { Call } from '../../lib/storage/call.ts';
import { Meter } from '../../lib/storage/meter.ts';
import { observeNow } from '../../lib/storage/observation.ts';
import { type Dump, dumpLog } from './dump-log.ts';

const HOT_RETENTION_MS = 604_800_000;
const KEYS = 12;

const codecs = await loadCodecs();
const clock = systemClock();
const random = systemRandom();
const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 });

/** A region in a folder, with one topic of one partition. */
interface Region {
  readonly storage: LogOptions;
  readonly log: Log;
  readonly pk: string;
  readonly folder: string;
  close(): void;
}

const regions: Region[] = [];

async function openRegion(topic: string): Promise<Region> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-copies-'));
  const tables = openSqliteTables({ path: join(folder, 'millrace.sqlite'), clock });
  const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
  const storage = { ...tables, bucket, clock, random, codecs };
  const log = await openLog(storage, newCall());
  const { topicId } = await log.createTopic(
    { name: topic, configs: { 'cleanup.policy': 'compact' } },
    newCall(),
  );
  const region = { storage, log, pk: partitionKey(topicId, 0), folder, close: () => tables.close() };
  regions.push(region);
  return region;
}

let source: Region;
let target: Region;

beforeAll(async () => {
  source = await openRegion('orders');
  target = await openRegion('east.orders');
});

afterAll(async () => {
  for (const { close, folder } of regions) {
    close();
    await rm(folder, { recursive: true, force: true });
  }
});

async function seal({ storage, pk, folder }: Region): Promise<string> {
  const settings = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: HOT_RETENTION_MS };
  const outcome = await sealOnce(engineParts(storage), pk, settings, newCall());
  if (outcome.kind !== 'sealed') throw new Error(`not sealed: ${outcome.kind}`);
  return join(folder, 'objects', outcome.segment.objectKey ?? '');
}

async function compact({ storage, pk }: Region): Promise<void> {
  const settings = {
    minCleanableDirtyRatio: 0,
    minCompactionLagMs: 0,
    maxCompactionLagMs: Number.POSITIVE_INFINITY,
    deleteRetentionMs: 0,
  };
  for (let steps = 0; steps < 10; steps += 1)
    await compactOnce(engineParts(storage), pk, settings, newCall());
}

/** Each key many times over, in batches of all codecs. */
async function fill({ log }: Region): Promise<void> {
  for (let batch = 0; batch < 40; batch += 1) {
    const records = [0, 1, 2].map((i) => ({
      timestampMs: 1_700_000_000_000 + batch,
      key: Buffer.from(`key-${(batch * 3 + i) % KEYS}`),
      value: Buffer.from(`value ${batch} ${i}`),
    }));
    const compression = COMPRESSION_NAMES[batch % COMPRESSION_NAMES.length] ?? 'none';
    const batches = encodeBatch(codecs, records, { compression });
    await log.produce({ topic: 'orders', partition: 0, batches }, newCall());
  }
}

async function copyAll(inlineBytesMax: number): Promise<void> {
  const sides = { source: engineParts(source.storage), target: engineParts(target.storage) };
  const place = {
    sourcePk: source.pk,
    targetPk: target.pk,
    sourceTopic: 'orders',
    start: 'earliest',
  } as const;
  const copier = createCopier(sides).partition(place);
  const settings = { hotRetentionMs: HOT_RETENTION_MS, inlineBytesMax };
  for (;;) {
    const outcome = await copier.copyOnce({ settings, topicSeen: observeNow(clock) }, newCall());
    if (outcome.kind === 'caughtUp') return;
    expect(outcome.kind).toBe('copied');
  }
}

const offsetsOf = ({ batches }: Dump): number[] =>
  batches.flatMap(({ records }) => records.map(({ offset }) => offset));

describe("the sealed copy of a compacted partition, read by Apache Kafka's log dump", () => {
  it('has the same batches at the same offsets, each of them valid', async () => {
    await fill(source);
    await seal(source);
    await compact(source);
    await copyAll(-1);
    const path = await seal(target);
    const dump = await dumpLog(path);
    expect(dump.problems).toEqual([]);
    expect(offsetsOf(dump)).toEqual(Array.from({ length: KEYS }, (_, i) => 120 - KEYS + i));
    // Once more, through an object: adopted or copied, the file is as good.
    await fill(source);
    await copyAll(0);
    const again = await dumpLog(await seal(target));
    expect(again.problems).toEqual([]);
    expect(offsetsOf(again)).toEqual(Array.from({ length: 120 }, (_, i) => 120 + i));
    expect(new Set(again.batches.map(({ compression }) => compression)).size).toBe(5);
  });
});
