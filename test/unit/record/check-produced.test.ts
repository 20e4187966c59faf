import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import { sealBatch } from '../../../lib/record/checksum.ts';
import { COMPRESSION_NAMES } from '../../../lib/record/compression/names.ts';
import {
  checkProduced,
  decodeBatch,
  encodeBatch,
  loadCodecs,
  type NewRecord,
  type ProduceRules,
  readBatchHeader,
  verifyBatchCrc,
} from '../../../lib/record/index.ts';
import { altered, anyRecords, RULES, refusal, TIME_MS } from './support.ts';

const codecs = await loadCodecs();
const record: NewRecord = { timestampMs: TIME_MS, key: Buffer.from('k'), value: Buffer.from('some value') };
const batch = encodeBatch(codecs, [record, record], { compression: 'none' });
const producer = { producerId: 4, producerEpoch: 0, baseSequence: 0 };

const outcome = (bytes: Uint8Array, rules: ProduceRules = RULES): string | undefined =>
  refusal(() => checkProduced(codecs, bytes, rules));
const changed = (alter: (view: DataView) => void, of = batch): Uint8Array => altered(codecs, of, alter);
const stamped = (timestampMs: number, more: Partial<ProduceRules['timestamps']>): string | undefined =>
  outcome(encodeBatch(codecs, [{ ...record, timestampMs }], { compression: 'lz4' }), {
    ...RULES,
    timestamps: { ...RULES.timestamps, ...more },
  });

/** A batch whose record section is exactly these bytes. */
function batchOf(section: Uint8Array, options: { recordCount: number; codec?: number }): Uint8Array {
  const out = Buffer.concat([batch.subarray(0, 61), section]);
  out.writeInt32BE(out.length - 12, 8);
  out.writeInt16BE(options.codec ?? 0, 21);
  out.writeInt32BE(options.recordCount - 1, 23);
  out.writeInt32BE(options.recordCount, 57);
  sealBatch(codecs, out);
  return out;
}

describe('a produced batch', () => {
  it('that is good is answered by its header and left as it was', () => {
    const bytes = encodeBatch(codecs, [record], { compression: 'zstd', producer });
    const before = Uint8Array.from(bytes);
    expect(checkProduced(codecs, bytes, RULES)).toEqual([readBatchHeader(before)]);
    expect(bytes).toEqual(before);
  });

  it('may stand among others, up to the number a chunk carries', () => {
    const full = Buffer.concat(Array<Uint8Array>(LIMITS.chunkBatchesMax).fill(batch));
    expect(checkProduced(codecs, full, RULES)).toHaveLength(LIMITS.chunkBatchesMax);
    expect(outcome(Buffer.concat([full, batch]))).toBe('RECORD_LIST_TOO_LARGE');
  });

  it('is refused with its neighbours if any of them is bad', () => {
    const bad = Uint8Array.from(batch);
    bad[70] = (bad[70] ?? 0) ^ 1;
    expect(outcome(Buffer.concat([batch, bad, batch]))).toBe('CORRUPT_MESSAGE');
  });

  it.each<[string, string, () => Uint8Array]>([
    ['of no bytes', 'INVALID_RECORD', () => new Uint8Array()],
    ['cut off in its header', 'CORRUPT_MESSAGE', () => batch.subarray(0, 40)],
    ['cut off in its first bytes', 'CORRUPT_MESSAGE', () => batch.subarray(0, 10)],
    ['cut off in its records', 'CORRUPT_MESSAGE', () => batch.subarray(0, -1)],
    ['followed by a stray byte', 'CORRUPT_MESSAGE', () => Buffer.concat([batch, Buffer.from([0])])],
    ['of format 1', 'INVALID_RECORD', () => changed((view) => view.setInt8(16, 1))],
    [
      'of format 0 and too short for a header',
      'INVALID_RECORD',
      () => changed((v) => v.setInt8(16, 0)).slice(0, 34),
    ],
    ['with a base offset', 'INVALID_RECORD', () => changed((view) => view.setBigInt64(0, 1n))],
    [
      'with a base offset past 2^53',
      'INVALID_RECORD',
      () => changed((view) => view.setBigInt64(0, -1n << 62n)),
    ],
    ['without records', 'INVALID_RECORD', () => batchOf(new Uint8Array(), { recordCount: 0 })],
    ['with a negative number of records', 'INVALID_RECORD', () => changed((view) => view.setInt32(57, -1))],
    ['with a producer id past 2^53', 'INVALID_RECORD', () => changed((v) => v.setBigInt64(43, 2n ** 60n))],
    ['with more records than offsets', 'INVALID_RECORD', () => changed((view) => view.setInt32(57, 3))],
    ['with fewer records than offsets', 'INVALID_RECORD', () => changed((view) => view.setInt32(23, 2))],
    ['of a control batch', 'INVALID_RECORD', () => changed((view) => view.setInt16(21, 0x20))],
    ['of a transaction', 'INVALID_RECORD', () => changed((view) => view.setInt16(21, 0x10))],
    ['with a delete horizon', 'INVALID_RECORD', () => changed((view) => view.setInt16(21, 0x40))],
    ['that stamps append time itself', 'INVALID_TIMESTAMP', () => changed((view) => view.setInt16(21, 0x08))],
    ['of codec 5', 'UNSUPPORTED_COMPRESSION_TYPE', () => changed((view) => view.setInt16(21, 5))],
    ['of a producer without a sequence', 'INVALID_RECORD', () => changed((view) => view.setBigInt64(43, 9n))],
    [
      'with a base timestamp past 2^53',
      'INVALID_TIMESTAMP',
      () => changed((v) => v.setBigInt64(27, 2n ** 60n)),
    ],
    [
      'that says it is compressed and is not',
      'INVALID_RECORD',
      () => changed((view) => view.setInt16(21, 4)),
    ],
  ])('%s is %s', (_, code, make) => {
    expect(outcome(make())).toBe(code);
  });

  it('with any bit turned that the checksum covers is CORRUPT_MESSAGE', () => {
    fc.assert(
      fc.property(fc.integer({ min: 17 * 8, max: batch.length * 8 - 1 }), (bit) => {
        const bad = Uint8Array.from(batch);
        bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(outcome(bad)).toBe('CORRUPT_MESSAGE');
      }),
    );
  });

  it('may be exactly as large as the topic allows', () => {
    expect(outcome(batch, { ...RULES, batchBytesMax: batch.length })).toBeUndefined();
    expect(outcome(batch, { ...RULES, batchBytesMax: batch.length - 1 })).toBe('MESSAGE_TOO_LARGE');
  });

  it.each(COMPRESSION_NAMES)('of %s needs a key in every record of a compacted topic', (compression) => {
    const keyless = encodeBatch(codecs, [record, { ...record, key: null }], { compression });
    const keyed = encodeBatch(codecs, [record, { ...record, key: new Uint8Array() }], { compression });
    const rules = { ...RULES, compactedTopic: true };
    expect(outcome(keyless, rules)).toBe('INVALID_RECORD');
    expect(outcome(keyless)).toBeUndefined();
    expect(outcome(keyed, rules)).toBeUndefined();
  });
});

describe('the records of a produced batch', () => {
  const body = (...bytes: number[]): Uint8Array => Uint8Array.of(bytes.length * 2, ...bytes);

  it.each<[string, Uint8Array]>([
    ['shorter than they state', Uint8Array.of(200, 1, 0, 0, 0, 1, 1, 0)],
    ['longer than their fields', body(0, 0, 0, 1, 1, 0, 9)],
    ['of negative length', Uint8Array.of(1, 0, 0, 0, 1, 1, 0)],
    ['with a key longer than the record', body(0, 0, 0, 8, 1, 0)],
    ['with a key length of -2', body(0, 0, 0, 3, 1, 0)],
    ['with a value longer than the record', body(0, 0, 0, 1, 8, 0)],
    ['with a negative number of headers', body(0, 0, 0, 1, 1, 1)],
    ['with more headers than bytes', body(0, 0, 0, 1, 1, 0x7e)],
    ['with a header without a name', body(0, 0, 0, 1, 1, 2, 1, 1)],
    ['with a header value longer than the record', body(0, 0, 0, 1, 1, 2, 2, 97, 40)],
    ['with an offset of their own', body(0, 0, 2, 1, 1, 0)],
    ['followed by something', Buffer.concat([body(0, 0, 0, 1, 1, 0), Uint8Array.of(0)])],
    ['fewer than stated', new Uint8Array()],
  ])('%s are INVALID_RECORD, plain or compressed', (_, section) => {
    expect(outcome(batchOf(section, { recordCount: 1 }))).toBe('INVALID_RECORD');
    expect(outcome(batchOf(codecs.compress('snappy', section), { recordCount: 1, codec: 2 }))).toBe(
      'INVALID_RECORD',
    );
  });

  it('that state a great number are refused before room is made for them', () => {
    const record7 = body(0, 0, 0, 1, 1, 0);
    expect(outcome(batchOf(record7, { recordCount: LIMITS.recordsPerBatchMax }))).toBe('INVALID_RECORD');
    expect(outcome(batchOf(record7, { recordCount: 2 ** 31 - 1 }))).toBe('RECORD_LIST_TOO_LARGE');
  });

  it('may have as many headers as the limit says', () => {
    const headers = (count: number): NewRecord => ({
      ...record,
      headers: Array(count).fill({ key: 'h', value: null }),
    });
    const sent = (count: number): Uint8Array =>
      encodeBatch(codecs, [headers(count)], { compression: 'none' });
    expect(outcome(sent(LIMITS.headersPerRecordMax))).toBeUndefined();
    expect(outcome(sent(LIMITS.headersPerRecordMax + 1))).toBe('INVALID_RECORD');
  });

  it('may not decompress to more than one request may hold, one batch or several together', () => {
    const half = encodeBatch(
      codecs,
      [{ ...record, value: new Uint8Array(LIMITS.decompressedBytesMax / 2) }],
      { compression: 'zstd' },
    );
    expect(outcome(half)).toBeUndefined();
    expect(outcome(Buffer.concat([half, half]))).toBe('MESSAGE_TOO_LARGE');
  });

  it('answer any damage under a right checksum with a clear error', () => {
    const compression = fc.constantFrom(...COMPRESSION_NAMES);
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(anyRecords, compression, flips, (records, name, places) => {
        const damaged = encodeBatch(codecs, records, { compression: name });
        for (const [place, mask] of places) {
          const at = 21 + (place % (damaged.length - 21));
          damaged[at] = (damaged[at] ?? 0) ^ mask;
        }
        sealBatch(codecs, damaged);
        expect([
          undefined,
          'CORRUPT_MESSAGE',
          'INVALID_RECORD',
          'INVALID_TIMESTAMP',
          'MESSAGE_TOO_LARGE',
          'RECORD_LIST_TOO_LARGE',
          'UNSUPPORTED_COMPRESSION_TYPE',
        ]).toContain(outcome(damaged));
        // What passes the checks is read without a fault, ever after.
        if (outcome(damaged) === undefined) expect(decodeBatch(codecs, damaged)).toHaveLength(records.length);
        else refusal(() => decodeBatch(codecs, damaged));
      }),
      { numRuns: 400 },
    );
  });
});

describe('the timestamps of produced records', () => {
  it('lie between the two bounds around now, ends included', () => {
    const bounds = { beforeMsMax: 1000, afterMsMax: 50 };
    expect(stamped(TIME_MS - 1000, bounds)).toBeUndefined();
    expect(stamped(TIME_MS - 1001, bounds)).toBe('INVALID_TIMESTAMP');
    expect(stamped(TIME_MS + 50, bounds)).toBeUndefined();
    expect(stamped(TIME_MS + 51, bounds)).toBe('INVALID_TIMESTAMP');
  });

  it('may be missing', () => {
    expect(stamped(-1, { beforeMsMax: 0, afterMsMax: 0 })).toBeUndefined();
  });

  it('are not negative otherwise', () => {
    const negative = changed((view) => view.setBigInt64(27, -5n));
    expect(outcome(negative)).toBe('INVALID_TIMESTAMP');
  });

  it('are not looked at where the log stamps its own', () => {
    expect(stamped(0, { beforeMsMax: 1, type: 'append' })).toBeUndefined();
  });

  it('are looked at in every record, not only in the header', () => {
    const late = { ...record, timestampMs: TIME_MS + 7_200_000 };
    const bytes = encodeBatch(codecs, [record, late], { compression: 'gzip' });
    const hidden = changed((view) => view.setBigInt64(35, BigInt(TIME_MS)), bytes);
    expect(outcome(hidden)).toBe('INVALID_TIMESTAMP');
  });

  it.each(COMPRESSION_NAMES)(
    'put a false largest timestamp right, as the broker does (%s)',
    (compression) => {
      const good = encodeBatch(codecs, [record, { ...record, timestampMs: TIME_MS + 9 }], { compression });
      const wrong = changed((view) => view.setBigInt64(35, BigInt(TIME_MS - 4)), good);
      const [header] = checkProduced(codecs, wrong, RULES);
      expect(header?.maxTimestampMs).toBe(TIME_MS + 9);
      expect(wrong).toEqual(good);
      verifyBatchCrc(codecs, wrong);
    },
  );
});
