import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryBucket } from '../../lib/adapters/directory/index.ts';
import { openSqliteTables } from '../../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import type { Log } from '../../lib/log.ts';
import { engineParts, type LogOptions, openLog } from '../../lib/open-log.ts';
import { partitionKey } from '../../lib/partition/chunk.ts';
import { COMPRESSION_NAMES, type CompressionName } from '../../lib/record/compression/names.ts';
import { encodeBatch, loadCodecs, type NewRecord } from '../../lib/record/index.ts';
import { sealOnce } from '../../lib/segment/seal/seal.ts';
import type { Segment } from '../../lib/segment/segment-item.ts';
import type { Call } from '../../lib/storage/call.ts';
import { Meter } from '../../lib/storage/meter.ts';
import { type Dump, dumpLog } from './dump-log.ts';

const TIME_MS = 1_700_000_000_000;
const RECORDS_PER_BATCH = 40;
const BATCHES = 6;
/** Past SQLite's largest inline chunk, so that it lies in an object of its own. */
const LARGE_BYTES = 400_000;
const DAY_MS = 86_400_000;

const codecs = await loadCodecs();
const clock = systemClock();
const random = systemRandom();
const newCall = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + 60_000 });

let folder = '';
let storage: LogOptions;
let log: Log;
let close: () => void = () => undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-dump-'));
  const tables = openSqliteTables({ path: join(folder, 'millrace.sqlite'), clock });
  close = () => tables.close();
  const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
  storage = { ...tables, bucket, clock, random, codecs };
  log = await openLog(storage, newCall());
});

afterAll(async () => {
  close();
  await rm(folder, { recursive: true, force: true });
});

function records(batch: number): NewRecord[] {
  return Array.from({ length: RECORDS_PER_BATCH }, (_, i) => ({
    timestampMs: TIME_MS + 1_000 * batch + i,
    key: i % 5 === 0 ? null : Buffer.from(`key-${batch}-${i}`),
    value: i % 7 === 0 ? null : Buffer.from(`value ${i} `.repeat(20)),
  }));
}

/** What was put into the log, as a dump shows it. */
const expectedRecords = Array.from({ length: BATCHES }, (_, batch) => records(batch))
  .flat()
  .map(({ timestampMs, key, value }, offset) => ({
    offset,
    timestampMs,
    key: key === null ? null : Buffer.from(key ?? []).toString(),
    valueBytes: value === null ? -1 : (value?.length ?? 0),
  }));

async function sealed(topic: string, segmentBytes: number): Promise<{ segment: Segment; path: string }> {
  const { topicId } = await log.describeTopic(topic, newCall());
  const settings = { segmentBytes, segmentMs: -1_000, hotRetentionMs: 7 * DAY_MS };
  const outcome = await sealOnce(engineParts(storage), partitionKey(topicId, 0), settings, newCall());
  if (outcome.kind !== 'sealed') throw new Error(`not sealed: ${outcome.kind}`);
  return { segment: outcome.segment, path: join(folder, 'objects', outcome.segment.objectKey ?? '') };
}

async function sealBatches(topic: string, codecOf: (batch: number) => CompressionName): Promise<string> {
  await log.createTopic({ name: topic }, newCall());
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const batches = encodeBatch(codecs, records(batch), { compression: codecOf(batch) });
    await log.produce({ topic, partition: 0, batches }, newCall());
  }
  return (await sealed(topic, 2 ** 26)).path;
}

const recordsOf = ({ batches }: Dump): unknown[] => batches.flatMap((batch) => batch.records);

/** The same file with something done to its bytes, under a name that the tool takes. */
async function copyOf(path: string, change: (bytes: Buffer) => Buffer): Promise<string> {
  const copies = await mkdtemp(join(folder, 'copy-'));
  await mkdir(copies, { recursive: true });
  const copy = join(copies, '00000000000000000000.log');
  await writeFile(copy, change(await readFile(path)));
  return copy;
}

describe("a sealed object, read by Apache Kafka's log dump", () => {
  it.each(COMPRESSION_NAMES)('%s: every offset, key and checksum is valid', async (compression) => {
    const dump = await dumpLog(await sealBatches(`codec-${compression}`, () => compression));
    expect(dump.problems).toEqual([]);
    expect(dump.batches.map((batch) => batch.compression)).toEqual(Array(BATCHES).fill(compression));
    expect(recordsOf(dump)).toEqual(expectedRecords);
  });

  it('of all codecs in turn is one log without a gap', async () => {
    const codecOf = (batch: number): CompressionName =>
      COMPRESSION_NAMES[batch % COMPRESSION_NAMES.length] ?? 'none';
    const path = await sealBatches('all-codecs', codecOf);
    const dump = await dumpLog(path);
    expect(dump.problems).toEqual([]);
    expect(recordsOf(dump)).toEqual(expectedRecords);
    const bytes = dump.batches.reduce((total, batch) => total + batch.bytes, 0);
    expect(bytes).toBe((await readFile(path)).length);
  });

  it('that was adopted without a copy is as good', async () => {
    await log.createTopic({ name: 'adopted' }, newCall());
    const first = encodeBatch(codecs, records(0), { compression: 'none' });
    await log.produce({ topic: 'adopted', partition: 0, batches: first }, newCall());
    const large = { timestampMs: TIME_MS, key: Buffer.from('large'), value: Buffer.alloc(LARGE_BYTES, 'x') };
    const batches = encodeBatch(codecs, [large], { compression: 'none' });
    await log.produce({ topic: 'adopted', partition: 0, batches }, newCall());
    await sealed('adopted', 1_000);
    const { segment, path } = await sealed('adopted', 1_000);
    expect(segment.objectKey).toMatch(/^spill\/[^/]+\/00000000000000000040\.log$/);
    const dump = await dumpLog(path);
    expect(dump.problems).toEqual([]);
    expect(recordsOf(dump)).toEqual([
      { offset: RECORDS_PER_BATCH, timestampMs: TIME_MS, key: 'large', valueBytes: LARGE_BYTES },
    ]);
  });
});

describe('the reading of the dump', () => {
  let path = '';

  beforeAll(async () => {
    path = await sealBatches('to-be-damaged', () => 'none');
  });

  it('notices a changed byte', async () => {
    const copy = await copyOf(path, (bytes) => {
      bytes.writeUInt8((bytes.readUInt8(bytes.length - 10) ^ 1) & 0xff, bytes.length - 10);
      return bytes;
    });
    const { problems, batches } = await dumpLog(copy);
    expect(problems).toEqual([expect.stringContaining('isvalid: false')]);
    expect(batches.map(({ isValid }) => isValid)).toEqual([true, true, true, true, true, false]);
  });

  it('notices an end that is missing', async () => {
    const { problems } = await dumpLog(await copyOf(path, (bytes) => bytes.subarray(0, -100)));
    expect(problems).toEqual([expect.stringMatching(/^Found \d+ invalid bytes/)]);
  });

  it('shows a batch that is missing, of which the tool says nothing', async () => {
    const { batches } = await dumpLog(path);
    const { position = 0, bytes: length = 0 } = batches[1] ?? {};
    const cut = (bytes: Buffer): Buffer =>
      Buffer.concat([bytes.subarray(0, position), bytes.subarray(position + length)]);
    const dump = await dumpLog(await copyOf(path, cut));
    expect(recordsOf(dump)).toEqual(
      expectedRecords.filter(({ offset }) => offset < RECORDS_PER_BATCH || offset >= 2 * RECORDS_PER_BATCH),
    );
  });
});
