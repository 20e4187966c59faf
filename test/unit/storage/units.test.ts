import { describe, expect, it } from 'vitest';
import type { Item } from '../../../lib/storage/table.ts';
import {
  deleteUsage,
  itemBytes,
  numberBytes,
  putUsage,
  readUnits,
  readUsage,
  valueBytes,
  writeUnits,
} from '../../../lib/storage/units.ts';

describe('the size of a number', () => {
  // One byte, and one for each pair of digits counted from the decimal point; zeros at the ends are free.
  it.each([
    [0, 1],
    [1, 2],
    [99, 2],
    [100, 2],
    [123, 3],
    [1_010, 3],
    [12_345, 4],
    [1_000_000, 2],
    [1_791_234_567_890, 8],
    [Number.MAX_SAFE_INTEGER, 9],
    [0.5, 2],
    [12.5, 3],
    [-1, 3],
    [-123, 4],
    [1.5e100, 3],
    [2.5e-7, 2],
  ])('%d takes %d bytes', (value, bytes) => {
    expect(numberBytes(value)).toBe(bytes);
  });
});

describe('the size of a value', () => {
  it.each([
    ['text, in UTF-8', 'né', 3],
    ['empty text', '', 0],
    ['null', null, 1],
    ['true', true, 1],
    ['bytes', new Uint8Array(700), 700],
    ['an empty list', [], 3],
    ['an empty map', {}, 3],
    // 3 + (1 + 2) + (1 + 3)
    ['a list of a number and a text', [7, 'abc'], 10],
    // 3 + (1 + 4 + 2) + (1 + 1 + 3 + (1 + 1))
    ['a map with a list in it', { size: 10, l: [null] }, 17],
  ])('%s', (_, value, bytes) => {
    expect(valueBytes(value)).toBe(bytes);
  });
});

describe('the size of an item', () => {
  const item: Item<number> = {
    pk: 'abcdefghijklmnopqrstuv:12', // 2 + 25
    sk: 1_234_567, // 2 + 1 + 4
    version: '0123456789abcdef', // 1 + 16
    attributes: { b: new Uint8Array(900), n: 64 }, // 1 + 900, 1 + 2
  };

  it('is names and values of the keys, the version and every attribute', () => {
    expect(itemBytes(item)).toBe(27 + 7 + 17 + 901 + 3);
  });

  it('includes the expiry under a one-letter name', () => {
    // 1 + 1 + 5 pairs of digits
    expect(itemBytes({ ...item, expiresAtSeconds: 1_791_234_567 })).toBe(955 + 7);
  });

  it('counts names in UTF-8', () => {
    expect(itemBytes({ ...item, sk: 0, attributes: { ключ: true } })).toBe(27 + 3 + 17 + 9);
  });
});

describe('units', () => {
  it('a write is one unit for each KB begun, and one at least', () => {
    expect([0, 1, 1_024, 1_025, 409_600].map(writeUnits)).toEqual([1, 1, 1, 2, 400]);
  });

  it('a consistent read is one unit for each 4 KB begun, and one at least', () => {
    const units = [0, 1, 4_096, 4_097, 1_048_576].map((bytes) => readUnits(bytes, { consistent: true }));
    expect(units).toEqual([1, 1, 1, 2, 256]);
  });

  it('a read that may be stale costs half', () => {
    const units = [0, 1, 4_096, 4_097, 8_193].map((bytes) => readUnits(bytes, { consistent: false }));
    expect(units).toEqual([0.5, 0.5, 0.5, 1, 1.5]);
  });
});

describe('what a request is charged', () => {
  it('a put by the larger of the item before and after', () => {
    expect(putUsage({ stored: true, itemBytes: 100, standingBytes: 2_500 })).toEqual({
      tableWrites: 1,
      writeUnits: 3,
      bytesWritten: 100,
    });
  });

  it('a lost put as if it had won, and what it answered is read', () => {
    expect(putUsage({ stored: false, itemBytes: 5_000, standingBytes: 2_500 })).toEqual({
      tableWrites: 1,
      writeUnits: 5,
      lostWrites: 1,
      bytesRead: 2_500,
    });
  });

  it('a delete by what it removes, and a lost one a unit at least', () => {
    expect(deleteUsage({ deleted: true, standingBytes: 3_000 })).toMatchObject({
      writeUnits: 3,
      lostWrites: 0,
    });
    expect(deleteUsage({ deleted: false, standingBytes: 0 })).toMatchObject({ writeUnits: 1, lostWrites: 1 });
  });

  it('a query by the sum of its items, rounded up once', () => {
    // Ten items of 1,000 bytes: 10,000 bytes are three units of 4 KB, not ten.
    expect(readUsage(10_000, { consistent: true })).toEqual({
      tableReads: 1,
      readUnits: 3,
      bytesRead: 10_000,
    });
  });
});
