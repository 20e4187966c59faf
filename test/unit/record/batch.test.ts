import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import { COMPRESSION_NAMES } from '../../../lib/record/compression/names.ts';
import {
  checkProduced,
  decodeBatch,
  encodeBatch,
  loadCodecs,
  type NewRecord,
  patchBaseOffset,
  readBatchHeader,
  recompress,
  setAppendTime,
  verifyBatchCrc,
} from '../../../lib/record/index.ts';
import { altered, anyRecords, copies, RULES, refusal, stored, TIME_MS } from './support.ts';

const codecs = await loadCodecs();
const compression = fc.constantFrom(...COMPRESSION_NAMES);
const one: NewRecord = { timestampMs: TIME_MS, key: null, value: Buffer.from('v') };
const anyTime = { ...RULES, timestamps: { ...RULES.timestamps, afterMsMax: 2 ** 63 } };

describe('a batch', () => {
  it('reads as what was written, whatever the records and the codec, and passes the checks of a produce', () => {
    fc.assert(
      fc.property(anyRecords, compression, (records, name) => {
        const batch = encodeBatch(codecs, records, { compression: name });
        const header = readBatchHeader(batch);
        expect(header).toMatchObject({ recordCount: records.length, lastOffsetDelta: records.length - 1 });
        expect(header.maxTimestampMs).toBe(Math.max(...records.map((record) => record.timestampMs)));
        expect(checkProduced(codecs, batch, anyTime)).toEqual([header]);
        expect(copies(decodeBatch(codecs, batch))).toEqual(stored(records));
      }),
    );
  });

  it('counts its records from the base offset it was given', () => {
    const batch = encodeBatch(codecs, [one, one, one], { compression: 'none' });
    patchBaseOffset(batch, { baseOffset: 2 ** 45, leaderEpoch: 0 });
    expect(decodeBatch(codecs, batch).map((record) => record.offset)).toEqual([
      2 ** 45,
      2 ** 45 + 1,
      2 ** 45 + 2,
    ]);
  });

  it('hands out views of its bytes, not copies', () => {
    const batch = encodeBatch(codecs, [one], { compression: 'none' });
    expect(decodeBatch(codecs, batch)[0]?.value?.buffer).toBe(batch.buffer);
  });

  it('is laid out byte for byte as the format says', () => {
    const records = [
      {
        timestampMs: 1000,
        key: Buffer.from('k'),
        value: null,
        headers: [{ key: 'h', value: Buffer.from('x') }],
      },
    ];
    expect(Buffer.from(encodeBatch(codecs, records, { compression: 'none' })).toString('hex')).toBe(
      [
        '0000000000000000 0000003d ffffffff 02 425c179d 0000 00000000',
        '00000000000003e8 00000000000003e8 ffffffffffffffff ffff ffffffff 00000001',
        '16 00 00 00 02 6b 01 02 02 68 02 78',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  it('without records is refused, as is one with too many or too much', () => {
    expect(refusal(() => encodeBatch(codecs, [], { compression: 'none' }))).toBe('INVALID_RECORD');
    const crowd = Array<NewRecord>(LIMITS.recordsPerBatchMax + 1).fill(one);
    expect(refusal(() => encodeBatch(codecs, crowd, { compression: 'none' }))).toBe('RECORD_LIST_TOO_LARGE');
    const heavy = { ...one, value: new Uint8Array(LIMITS.decompressedBytesMax) };
    expect(refusal(() => encodeBatch(codecs, [heavy], { compression: 'zstd' }))).toBe('MESSAGE_TOO_LARGE');
  });

  it.each([-2, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])(
    'takes no timestamp of %d',
    (timestampMs) => {
      expect(refusal(() => encodeBatch(codecs, [{ ...one, timestampMs }], { compression: 'none' }))).toBe(
        'INVALID_TIMESTAMP',
      );
    },
  );

  it('emptied by compaction has no records, whatever codec it states', () => {
    const batch = encodeBatch(codecs, [one], { compression: 'none' }).slice(0, 61);
    const emptied = altered(codecs, batch, (view) => {
      view.setInt32(8, 49);
      view.setInt32(57, 0);
      view.setInt16(21, 3);
    });
    expect(decodeBatch(codecs, emptied)).toEqual([]);
    expect(recompress(codecs, emptied, 'gzip')).toBe(emptied);
  });
});

describe('append time', () => {
  it('is stamped in place on every record, under a new checksum, and the records stay compressed', () => {
    fc.assert(
      fc.property(anyRecords, compression, (records, name) => {
        const batch = encodeBatch(codecs, records, { compression: name });
        const section = batch.slice(61);
        setAppendTime(codecs, batch, TIME_MS + 5);
        verifyBatchCrc(codecs, batch);
        expect(batch.subarray(61)).toEqual(section);
        expect(readBatchHeader(batch)).toMatchObject({
          timestampType: 'append',
          maxTimestampMs: TIME_MS + 5,
          compression: name,
        });
        expect(decodeBatch(codecs, batch).every((record) => record.timestampMs === TIME_MS + 5)).toBe(true);
      }),
    );
  });
});

describe('recompression', () => {
  it('changes length, codec and checksum, and nothing else', () => {
    const producer = { producerId: 7, producerEpoch: 1, baseSequence: 5 };
    fc.assert(
      fc.property(anyRecords, compression, compression, (records, from, to) => {
        const batch = encodeBatch(codecs, records, {
          compression: from,
          producer,
          baseOffset: 12,
          leaderEpoch: 3,
        });
        const other = recompress(codecs, batch, to);
        verifyBatchCrc(codecs, other);
        const { batchBytes: _, crc: __, ...rest } = readBatchHeader(batch);
        expect(readBatchHeader(other)).toMatchObject({ ...rest, compression: to, batchBytes: other.length });
        expect(copies(decodeBatch(codecs, other))).toEqual(stored(records, 12));
      }),
    );
  });

  it('to the codec it has answers the batch itself', () => {
    const batch = encodeBatch(codecs, [one], { compression: 'lz4' });
    expect(recompress(codecs, batch, 'lz4')).toBe(batch);
  });
});
