import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryBucket } from '../../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import type { EngineParts } from '../../lib/engine-parts.ts';
import { engineParts, openLog } from '../../lib/open-log.ts';
import { partitionKey } from '../../lib/partition/chunk.ts';
import { COMPRESSION_NAMES } from '../../lib/record/compression/names.ts';
import { encodeBatch, loadCodecs } from '../../lib/record/index.ts';
import { compactOnce } from '../../lib/segment/compact/pass.ts';
import { segmentsOf } from '../../lib/segment/compact/segments-of.ts';
import { sealOnce } from '../../lib/segment/seal/seal.ts';
import type { Call } from '../../lib/storage/call.ts';
import { Meter } from '../../lib/storage/meter.ts';
import { dumpLog } from './dump-log.ts';

const codecs = await loadCodecs();
const clock = systemClock();
const random = systemRandom();
const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 });

const RECORDS_PER_BATCH = 20;
const EAGER = {
  minCleanableDirtyRatio: 0,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: 86_400_000,
};

let folder = '';
let close: () => void = () => undefined;
let parts: EngineParts;
let pk = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-dump-'));
  const tables = openSqliteTables({ path: join(folder, 'millrace.sqlite'), clock });
  close = () => tables.close();
  const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
  const storage = { ...tables, bucket, clock, random, codecs };
  parts = engineParts(storage);
  const log = await openLog(storage, newCall());
  const configs = { 'cleanup.policy': 'compact' };
  const { topicId } = await log.createTopic({ name: 't', configs }, newCall());
  pk = partitionKey(topicId, 0);
  // A batch in every codec, whose odd keys all come again in the next one; a producer whose whole batch comes again; a tombstone.
  const batchesOf = COMPRESSION_NAMES.map((compression, batch) =>
    encodeBatch(codecs, records(batch), { compression }),
  );
  const producer = { producerId: 5, producerEpoch: 0, baseSequence: 0 };
  batchesOf.splice(1, 0, encodeBatch(codecs, [keyed('odd-1', 'x')], { compression: 'gzip', producer }));
  batchesOf.push(encodeBatch(codecs, [keyed('even-0-0', null)], { compression: 'none' }));
  for (const batches of batchesOf) await log.produce({ topic: 't', partition: 0, batches }, newCall());
  const settings = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: 604_800_000 };
  await sealOnce(parts, pk, settings, newCall());
});

afterAll(async () => {
  close();
  await rm(folder, { recursive: true, force: true });
});

const keyed = (key: string, value: string | null) => ({
  timestampMs: clock.wallMs(),
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
});

function records(batch: number) {
  return Array.from({ length: RECORDS_PER_BATCH }, (_, i) =>
    keyed(i % 2 === 0 ? `even-${batch}-${i}` : `odd-${i}`, `value ${batch}`),
  );
}

async function dumped() {
  for await (const { objectKey } of segmentsOf(parts.catalog, pk, newCall())) {
    return dumpLog(join(folder, 'objects', objectKey ?? ''));
  }
  throw new Error('no segment');
}

describe("a compacted object, read by Apache Kafka's log dump", () => {
  it('is a sound log with the same batches, of which only the newest records are left', async () => {
    const before = await dumped();
    expect(before.problems).toEqual([]);
    const outcome = await compactOnce(parts, pk, EAGER, newCall());
    expect(outcome).toMatchObject({ kind: 'compacted', work: { rewrittenCount: 1 } });

    const after = await dumped();
    // All that the tool remarks on is that offsets are missing, as they are in every compacted log.
    const others = after.problems.filter(
      (line) => !/^(Non-consecutive offsets in |\s*\d+ is followed by \d+)/.test(line),
    );
    expect(others).toEqual([]);
    const extent = ({ baseOffset, lastOffset }: { baseOffset: number; lastOffset: number }) => [
      baseOffset,
      lastOffset,
    ];
    expect(after.batches.map(extent)).toEqual(before.batches.map(extent));
    expect(after.batches.every(({ isValid }) => isValid)).toBe(true);
    // The producer's batch is an empty header, which has no codec.
    expect(after.batches.map(({ compression }) => compression)).toEqual(
      before.batches.map(({ compression }, i) => (i === 1 ? 'none' : compression)),
    );

    const newest = new Map(
      before.batches.flatMap((batch) => batch.records).map((record) => [record.key, record]),
    );
    const expected = [...newest.values()].sort((a, b) => a.offset - b.offset);
    expect(after.batches.flatMap((batch) => batch.records)).toEqual(expected);
    expect(after.batches[1]?.records).toEqual([]);
  });
});
