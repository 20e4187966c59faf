import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/errors.ts';
import { sealBatch } from '../../lib/record/checksum.ts';
import { COMPRESSION_NAMES, type CompressionName } from '../../lib/record/compression/names.ts';
import { checkProduced, encodeBatch, loadCodecs, type ProduceRules } from '../../lib/record/index.ts';
import { describeBatches } from '../golden/describe.ts';
import { readWithKafka } from '../golden/kafka-java.ts';
import { noise, smallRecords } from '../golden/sample-records.ts';

const TIME_MS = 1_700_000_000_000;
const ATTEMPTS = 400;
const codecs = await loadCodecs();
const rules: ProduceRules = {
  batchBytesMax: 1_048_588,
  compactedTopic: false,
  timestamps: { nowMs: TIME_MS, beforeMsMax: 2 ** 63, afterMsMax: 2 ** 63, type: 'create' },
};
// Without header names: where they are not UTF-8, Java and Node differ in the number of replacement characters.
const records = smallRecords(TIME_MS).map(({ headers: _, ...record }) => record);

/** The batch with one or two bytes changed, half of the time near its start, under a right checksum. */
function damaged(good: Uint8Array, seed: number): Uint8Array {
  const dice = noise(8, seed * 7919 + 1);
  const bytes = Uint8Array.from(good);
  const area = (dice[0] ?? 0) < 128 ? 80 : good.length - 21;
  const count = 1 + ((dice[1] ?? 0) >> 7);
  for (let index = 0; index < count; index++) {
    const at = 21 + ((((dice[2 + index] ?? 0) << 8) | (dice[4 + index] ?? 0)) % area);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << ((dice[6 + index] ?? 0) >> 5));
  }
  sealBatch(codecs, bytes);
  return bytes;
}

function accepted(batch: Uint8Array): boolean {
  try {
    checkProduced(codecs, batch, rules);
    return true;
  } catch (error) {
    if (error instanceof MillraceError) return false;
    throw error;
  }
}

const survivors = (compression: CompressionName): Uint8Array[] => {
  const good = encodeBatch(codecs, records, { compression });
  return Array.from({ length: ATTEMPTS }, (_, seed) => damaged(good, seed)).filter(accepted);
};

describe('what a producer gets past the checks', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-damaged-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(COMPRESSION_NAMES)('reads in Kafka exactly as it reads here (%s)', async (compression) => {
    const batches = survivors(compression);
    expect(batches.length).toBeGreaterThan(ATTEMPTS / 20);
    expect(batches.length).toBeLessThan(ATTEMPTS);
    const paths = batches.map((_, index) => join(folder, `${compression}-${index}.bin`));
    await Promise.all(paths.map((path, index) => writeFile(path, batches[index] ?? new Uint8Array())));
    expect(await readWithKafka(paths)).toEqual(batches.map((batch) => describeBatches(codecs, batch)));
  });
});
