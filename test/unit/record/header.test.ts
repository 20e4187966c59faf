import { describe, expect, it } from 'vitest';
import {
  batchesIn,
  encodeBatch,
  HEADER_BYTES,
  loadCodecs,
  patchBaseOffset,
  readBatchHeader,
  verifyBatchCrc,
} from '../../../lib/record/index.ts';
import { altered, refusal, TIME_MS } from './support.ts';

const codecs = await loadCodecs();
const records = [
  { timestampMs: TIME_MS, key: null, value: Buffer.from('one') },
  { timestampMs: TIME_MS - 7, key: null, value: Buffer.from('two') },
];
const plain = encodeBatch(codecs, records, { compression: 'none' });

describe('the header of a batch', () => {
  it('has every field that was written', () => {
    const batch = encodeBatch(codecs, records, {
      compression: 'zstd',
      timestampType: 'append',
      producer: { producerId: 2 ** 40, producerEpoch: 32_767, baseSequence: 2 ** 31 - 1 },
      isTransactional: true,
      isControl: true,
      baseOffset: 2 ** 50 + 1,
      leaderEpoch: 9,
    });
    expect(readBatchHeader(batch)).toEqual({
      baseOffset: 2 ** 50 + 1,
      batchBytes: batch.length,
      leaderEpoch: 9,
      magic: 2,
      crc: new DataView(batch.buffer).getUint32(17),
      compression: 'zstd',
      timestampType: 'append',
      isTransactional: true,
      isControl: true,
      hasDeleteHorizon: false,
      lastOffsetDelta: 1,
      baseTimestampMs: TIME_MS,
      maxTimestampMs: TIME_MS,
      producerId: 2 ** 40,
      producerEpoch: 32_767,
      baseSequence: 2 ** 31 - 1,
      recordCount: 2,
    });
  });

  it('says -1 for a producer that is not there, and for the leader epoch', () => {
    expect(readBatchHeader(plain)).toMatchObject({
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      leaderEpoch: -1,
    });
  });

  it('is read where the batch begins', () => {
    const bytes = Buffer.concat([Buffer.alloc(5), plain]);
    expect(readBatchHeader(bytes, 5)).toEqual(readBatchHeader(plain));
  });

  it('can be given a place in the log without touching what the checksum covers', () => {
    const batch = Uint8Array.from(plain);
    patchBaseOffset(batch, { baseOffset: Number.MAX_SAFE_INTEGER, leaderEpoch: 2 ** 31 - 1 });
    verifyBatchCrc(codecs, batch);
    expect(readBatchHeader(batch)).toMatchObject({
      baseOffset: Number.MAX_SAFE_INTEGER,
      leaderEpoch: 2 ** 31 - 1,
    });
    expect(batch.subarray(16)).toEqual(plain.subarray(16));
  });

  it.each([
    ['no bytes', (b: Uint8Array) => b.subarray(0, 0)],
    ['fewer bytes than a header', (b: Uint8Array) => b.subarray(0, HEADER_BYTES - 1)],
    ['one byte too few', (b: Uint8Array) => b.subarray(0, -1)],
    ['format 1', (b: Uint8Array) => altered(codecs, b, (view) => view.setInt8(16, 1))],
    ['a length below the header', (b: Uint8Array) => altered(codecs, b, (view) => view.setInt32(8, 48))],
    ['a negative length', (b: Uint8Array) => altered(codecs, b, (view) => view.setInt32(8, -1))],
    ['the largest length', (b: Uint8Array) => altered(codecs, b, (view) => view.setInt32(8, 2 ** 31 - 1))],
    ['a negative count', (b: Uint8Array) => altered(codecs, b, (view) => view.setInt32(57, -1))],
    ['a negative last offset', (b: Uint8Array) => altered(codecs, b, (view) => view.setInt32(23, -1))],
    ['a base offset past 2^53', (b: Uint8Array) => altered(codecs, b, (v) => v.setBigInt64(0, 2n ** 53n))],
    [
      'a producer id past 2^53',
      (b: Uint8Array) => altered(codecs, b, (v) => v.setBigInt64(43, -(2n ** 53n))),
    ],
  ])('with %s is CORRUPT_MESSAGE', (_, damage) => {
    expect(refusal(() => readBatchHeader(damage(plain)))).toBe('CORRUPT_MESSAGE');
  });

  it('with a timestamp past 2^53 is INVALID_TIMESTAMP', () => {
    for (const at of [27, 35]) {
      const batch = altered(codecs, plain, (view) => view.setBigInt64(at, 2n ** 62n));
      expect(refusal(() => readBatchHeader(batch))).toBe('INVALID_TIMESTAMP');
    }
  });

  it.each([5, 6, 7])('with codec %i is UNSUPPORTED_COMPRESSION_TYPE', (codec) => {
    const batch = altered(codecs, plain, (view) => view.setInt16(21, codec));
    expect(refusal(() => readBatchHeader(batch))).toBe('UNSUPPORTED_COMPRESSION_TYPE');
  });
});

describe('batches in a row', () => {
  it('are found one after another, as views', () => {
    const other = encodeBatch(codecs, records, { compression: 'gzip' });
    const bytes = Buffer.concat([plain, other, plain]);
    const found = [...batchesIn(bytes)];
    expect(found.map((batch) => batch.bytes)).toEqual([plain, other, plain].map((b) => Buffer.from(b)));
    expect(found.map((batch) => batch.header.compression)).toEqual(['none', 'gzip', 'none']);
    expect(found[1]?.bytes.buffer).toBe(bytes.buffer);
  });

  it('are none in no bytes', () => {
    expect([...batchesIn(new Uint8Array())]).toEqual([]);
  });

  it('that end inside a batch are CORRUPT_MESSAGE once that batch is asked for', () => {
    const found = batchesIn(Buffer.concat([plain, plain.subarray(0, 80)]));
    expect(found.next().value?.bytes).toHaveLength(plain.length);
    expect(refusal(() => found.next())).toBe('CORRUPT_MESSAGE');
  });
});
