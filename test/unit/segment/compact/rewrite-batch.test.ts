import { describe, expect, it } from 'vitest';
import {
  type BatchIn,
  batchesIn,
  type CompressionName,
  decodeBatch,
  encodeBatch,
  HEADER_BYTES,
  loadCodecs,
  type NewRecord,
  readBatchHeader,
  setAppendTime,
  verifyBatchCrc,
} from '../../../../lib/record/index.ts';
import { lastBatches } from '../../../../lib/segment/compact/last-batches.ts';
import { emptiedBatch, rewriteBatch } from '../../../../lib/segment/compact/rewrite-batch.ts';

const codecs = await loadCodecs();

const RECORDS: readonly NewRecord[] = Array.from({ length: 9 }, (_, i) => ({
  key: Buffer.from(`key ${i}`),
  value: i === 4 ? null : Buffer.from(`value ${i}`.repeat(i + 1)),
  headers: [{ key: 'h', value: Buffer.from([i]) }],
  timestampMs: 1_700_000_000_000 + 1_000 * ((i * 5) % 9),
}));

function batchAt500(compression: CompressionName): BatchIn {
  const bytes = encodeBatch(codecs, RECORDS, {
    compression,
    baseOffset: 500,
    leaderEpoch: 3,
    producer: { producerId: 7, producerEpoch: 2, baseSequence: 40 },
  });
  return { header: readBatchHeader(bytes), bytes };
}

describe('a batch that compaction rewrites', () => {
  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'keeps offsets, boundaries, sequence, times and codec: %s',
    (compression) => {
      const batch = batchAt500(compression);
      const before = decodeBatch(codecs, batch.bytes);
      const stays = (offset: number): boolean => [500, 501, 504, 506].includes(offset);
      const rewritten = rewriteBatch(codecs, batch, (_, offset) => stays(offset));
      if (rewritten.kind !== 'changed') throw new Error(rewritten.kind);
      const { bytes, header } = rewritten.batch;
      verifyBatchCrc(codecs, bytes);
      const { crc: _, ...stated } = readBatchHeader(bytes);
      expect({ ...header, magic: 2 }).toMatchObject(stated);
      expect(decodeBatch(codecs, bytes)).toEqual(before.filter(({ offset }) => stays(offset)));
      expect(stated).toMatchObject({
        baseOffset: 500,
        lastOffsetDelta: 8,
        leaderEpoch: 3,
        compression,
        producerId: 7,
        producerEpoch: 2,
        baseSequence: 40,
        recordCount: 4,
        baseTimestampMs: batch.header.baseTimestampMs,
        // Of records 0, 1, 4 and 6: 0, 5, 2 and 3 seconds after the first.
        maxTimestampMs: 1_700_000_005_000,
      });
      expect([...batchesIn(bytes)]).toHaveLength(1);
    },
  );

  it('keeps the time that the log has stamped', () => {
    const { bytes } = batchAt500('lz4');
    setAppendTime(codecs, bytes, 1_800_000_000_000);
    const rewritten = rewriteBatch(
      codecs,
      { header: readBatchHeader(bytes), bytes },
      (_, offset) => offset > 506,
    );
    expect(rewritten.kind === 'changed' && rewritten.batch.header).toMatchObject({
      timestampType: 'append',
      maxTimestampMs: 1_800_000_000_000,
    });
  });

  it('is the same when all stays, and empty when nothing does', () => {
    const batch = batchAt500('zstd');
    expect(rewriteBatch(codecs, batch, () => true)).toEqual({ kind: 'same' });
    expect(rewriteBatch(codecs, batch, () => false)).toEqual({ kind: 'empty' });
  });

  it('may be rewritten again and again', () => {
    let batch = batchAt500('snappy');
    for (let gone = 500; gone < 508; gone += 1) {
      const rewritten = rewriteBatch(codecs, batch, (_, offset) => offset > gone);
      if (rewritten.kind !== 'changed') throw new Error(rewritten.kind);
      batch = rewritten.batch;
    }
    expect(decodeBatch(codecs, batch.bytes).map(({ offset }) => offset)).toEqual([508]);
    expect(batch.header).toMatchObject({ baseOffset: 500, lastOffsetDelta: 8, recordCount: 1 });
  });

  it('leaves a header of which every reader can see that nothing is in it', () => {
    const { bytes, header } = emptiedBatch(codecs, batchAt500('gzip').header);
    verifyBatchCrc(codecs, bytes);
    expect(bytes.length).toBe(HEADER_BYTES);
    expect(decodeBatch(codecs, bytes)).toEqual([]);
    expect(readBatchHeader(bytes)).toMatchObject({
      baseOffset: 500,
      lastOffsetDelta: 8,
      compression: 'none',
      producerId: 7,
      producerEpoch: 2,
      baseSequence: 40,
      recordCount: 0,
      maxTimestampMs: header.maxTimestampMs,
    });
    expect(rewriteBatch(codecs, { header, bytes }, () => true)).toEqual({ kind: 'empty' });
  });

  it('is refused where its records are not in offset order', () => {
    const { bytes, header } = batchAt500('none');
    const broken = { header: { ...header, lastOffsetDelta: 3 }, bytes };
    expect(() => rewriteBatch(codecs, broken, () => true)).toThrow('ends at 3');
  });
});

describe('the last batch of a producer', () => {
  const any = batchAt500('none').header;
  const header = (producerId: number, baseOffset: number) => ({
    ...any,
    producerId,
    baseOffset,
    maxTimestampMs: 1_000_000,
  });

  it('is needed for a day, earlier ones are not, and nobody needs those without a producer', () => {
    const seen = lastBatches();
    seen.see(header(7, 500));
    seen.see(header(7, 100));
    seen.see(header(-1, 900));
    const known = lastBatches([...seen.entries]);
    for (const producers of [seen, known]) {
      expect(producers.isNeeded(header(7, 500), 1_000_001)).toBe(true);
      expect(producers.isNeeded(header(7, 500), 1_000_000 + 86_400_000)).toBe(false);
      expect(producers.isNeeded(header(7, 100), 1_000_001)).toBe(false);
      expect(producers.isNeeded(header(-1, 900), 1_000_001)).toBe(false);
      expect(producers.isNeeded(header(8, 100), 1_000_001)).toBe(true);
    }
  });

  it('counts as needed where there are too many producers to know them all', () => {
    const seen = lastBatches();
    for (let id = 0; id < 100_001; id += 1) seen.see(header(id, 500));
    expect(seen.producerCount).toBe(100_000);
    expect(seen.isNeeded(header(100_000, 100), 1_000_001)).toBe(true);
    expect(seen.isNeeded(header(99_999, 100), 1_000_001)).toBe(false);
  });
});
