import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPRESSION_NAMES } from '../../lib/record/compression/names.ts';
import {
  encodeBatch,
  loadCodecs,
  type NewRecord,
  patchBaseOffset,
  recompress,
  setAppendTime,
} from '../../lib/record/index.ts';
import { type DescribedBatch, describeBatches } from '../golden/describe.ts';
import { type RefusedByKafka, readWithKafka } from '../golden/kafka-java.ts';
import { largeRecords, smallRecords } from '../golden/sample-records.ts';

const TIME_MS = 1_700_000_000_000;
const codecs = await loadCodecs();

const logOf = (batches: readonly Uint8Array[]): Uint8Array => {
  let baseOffset = 5_000_000_000;
  for (const batch of batches) {
    patchBaseOffset(batch, { baseOffset, leaderEpoch: 3 });
    baseOffset += 1_000_000;
  }
  return Buffer.concat(batches);
};

const appended = (records: readonly NewRecord[], compression: 'none' | 'lz4'): Uint8Array => {
  const batch = encodeBatch(codecs, records, { compression });
  setAppendTime(codecs, batch, TIME_MS + 123);
  return batch;
};

const producer = { producerId: 4711, producerEpoch: 3, baseSequence: 2 ** 31 - 8 };

/** A refusal has no batches, and then every claim below fails. */
const batchesOf = (
  result: readonly DescribedBatch[] | RefusedByKafka | undefined,
): readonly DescribedBatch[] => (result === undefined || 'refused' in result ? [] : result);

/** What each file holds. */
const cases: Record<string, Uint8Array> = {
  ...Object.fromEntries(
    COMPRESSION_NAMES.map((compression) => [
      compression,
      logOf([
        encodeBatch(codecs, smallRecords(TIME_MS), { compression }),
        encodeBatch(codecs, largeRecords(TIME_MS), { compression }),
      ]),
    ]),
  ),
  recompressed: logOf(
    COMPRESSION_NAMES.map((compression) =>
      recompress(
        codecs,
        encodeBatch(codecs, smallRecords(TIME_MS), { compression: 'zstd', producer }),
        compression,
      ),
    ),
  ),
  'append time': logOf([appended(smallRecords(TIME_MS), 'none'), appended(largeRecords(TIME_MS), 'lz4')]),
  idempotent: logOf([encodeBatch(codecs, smallRecords(TIME_MS), { compression: 'none', producer })]),
  transactional: logOf([
    encodeBatch(codecs, smallRecords(TIME_MS), { compression: 'gzip', producer, isTransactional: true }),
  ]),
  'one empty record': logOf([
    encodeBatch(codecs, [{ timestampMs: -1, key: null, value: null }], { compression: 'none' }),
  ]),
};

describe("Millrace's batches, read by Apache Kafka's Java client", () => {
  let folder = '';
  let readByKafka = new Map<string, readonly DescribedBatch[]>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-records-'));
    const files = Object.entries(cases).map(([name, bytes]) => ({
      name,
      path: join(folder, `${name}.bin`),
      bytes,
    }));
    for (const file of files) await writeFile(file.path, file.bytes);
    const results = await readWithKafka(files.map((file) => file.path));
    readByKafka = new Map(files.map((file, index) => [file.name, batchesOf(results[index])]));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(Object.keys(cases))('%s: every checksum is valid and every field is what was written', (name) => {
    const bytes = cases[name];
    expect(bytes && describeBatches(codecs, bytes)).toEqual(readByKafka.get(name));
  });

  it.each(COMPRESSION_NAMES)('%s: the records are those that went in', (name) => {
    const batches = readByKafka.get(name) ?? [];
    const plain = readByKafka.get('none') ?? [];
    expect(batches.map((batch) => batch.compression)).toEqual([name, name]);
    expect(batches.map((batch) => batch.records)).toEqual(plain.map((batch) => batch.records));
    expect(batches.map((batch) => batch.count)).toEqual([
      smallRecords(TIME_MS).length,
      largeRecords(TIME_MS).length,
    ]);
    expect(batches[0]?.records[0]).toEqual({
      offset: 5_000_000_000,
      timestamp: TIME_MS,
      key: 'base64-a2V5',
      value: 'base64-eyJoZWxsbyI6IndvcmxkIn0=',
      headers: [],
    });
  });

  it('append time is the timestamp of every record', () => {
    const timestamps = readByKafka
      .get('append time')
      ?.flatMap((batch) => batch.records.map((r) => r.timestamp));
    expect(new Set(timestamps)).toEqual(new Set([TIME_MS + 123]));
  });
});
