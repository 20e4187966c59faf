import fc from 'fast-check';
import { expect } from 'vitest';
import { type ErrorCode, MillraceError } from '../../../lib/errors.ts';
import { sealBatch } from '../../../lib/record/checksum.ts';
import type { Codecs, NewRecord, ProduceRules, StoredRecord } from '../../../lib/record/index.ts';

export const TIME_MS = 1_700_000_000_000;

export const RULES: ProduceRules = {
  batchBytesMax: 1_048_588,
  compactedTopic: false,
  timestamps: { nowMs: TIME_MS, beforeMsMax: 2 ** 63, afterMsMax: 3_600_000, type: 'create' },
};

const bytes = fc.uint8Array({ maxLength: 300 });
const field = fc.option(bytes, { nil: null, freq: 5 });

export const anyRecord: fc.Arbitrary<NewRecord> = fc.record({
  timestampMs: fc.oneof(
    fc.integer({ min: TIME_MS - 1000, max: TIME_MS + 1000 }),
    fc.maxSafeNat(),
    fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER),
  ),
  key: field,
  value: field,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 40 }), value: field }), {
    maxLength: 5,
  }),
});

export const anyRecords: fc.Arbitrary<NewRecord[]> = fc.array(anyRecord, { minLength: 1, maxLength: 40 });

/** What `records` should read as; `Buffer` so that views and copies compare equal. */
export function stored(records: readonly NewRecord[], baseOffset = 0): StoredRecord[] {
  return records.map((record, index) => ({
    offset: baseOffset + index,
    timestampMs: record.timestampMs,
    key: copy(record.key),
    value: copy(record.value),
    headers: (record.headers ?? []).map((header) => ({ key: header.key, value: copy(header.value) })),
  }));
}

export function copies(records: readonly StoredRecord[]): StoredRecord[] {
  return records.map((record) => ({
    ...record,
    key: copy(record.key),
    value: copy(record.value),
    headers: record.headers.map((header) => ({ key: header.key, value: copy(header.value) })),
  }));
}

const copy = (part: Uint8Array | null): Uint8Array | null => (part === null ? null : Uint8Array.from(part));

/** Changes a batch and gives it a right checksum again: what a client with a bug would send. */
export function altered(codecs: Codecs, batch: Uint8Array, alter: (view: DataView) => void): Uint8Array {
  const out = Uint8Array.from(batch);
  alter(new DataView(out.buffer));
  sealBatch(codecs, out);
  return out;
}

export function refusal(act: () => unknown): ErrorCode | undefined {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    return error instanceof MillraceError ? error.code : undefined;
  }
  return undefined;
}
