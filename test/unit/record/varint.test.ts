import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ByteReader,
  readVarint,
  readVarlong,
  varintBytes,
  varlongBytes,
  writeVarint,
  writeVarlong,
} from '../../../lib/record/varint.ts';
import { refusal } from './support.ts';

const reader = (...bytes: number[]): ByteReader => ({
  bytes: Uint8Array.from(bytes),
  at: 0,
  end: bytes.length,
});

const written = (write: typeof writeVarint, value: number): number[] => {
  const out = new Uint8Array(12);
  return [...out.subarray(0, write(out, 0, value))];
};

describe('varints', () => {
  it.each([
    [0, [0x00]],
    [-1, [0x01]],
    [1, [0x02]],
    [63, [0x7e]],
    [-64, [0x7f]],
    [64, [0x80, 0x01]],
    [300, [0xd8, 0x04]],
    [2 ** 31 - 1, [0xfe, 0xff, 0xff, 0xff, 0x0f]],
    [-(2 ** 31), [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('%i is written as the zig-zag bytes of the format', (value, bytes) => {
    expect(written(writeVarint, value)).toEqual(bytes);
    expect(written(writeVarlong, value)).toEqual(bytes);
  });

  it('every 32-bit value comes back and takes the bytes that were counted', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = written(writeVarint, value);
        expect(bytes).toHaveLength(varintBytes(value));
        expect(readVarint(reader(...bytes))).toBe(value);
      }),
    );
  });

  it('every safe integer comes back as a varlong and takes the bytes that were counted', () => {
    const edges = fc.constantFrom(
      ...[28, 31, 32, 35, 42, 49, 52].flatMap((bit) => [
        2 ** bit,
        2 ** bit - 1,
        -(2 ** bit),
        -(2 ** bit) - 1,
      ]),
    );
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer(), edges), (value) => {
        const bytes = written(writeVarlong, value);
        expect(bytes).toHaveLength(varlongBytes(value));
        const from = reader(...bytes);
        expect(readVarlong(from)).toBe(value);
        expect(from.at).toBe(bytes.length);
      }),
    );
  });

  it('a varlong that a number cannot hold reads as NaN', () => {
    const most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    expect(readVarlong(reader(...most))).toBeNaN();
    expect(readVarlong(reader(0xff, ...most.slice(1)))).toBeNaN();
  });

  it.each([
    ['nothing', []],
    ['a first byte alone', [0x80]],
    ['five bytes that all go on', [0x80, 0x80, 0x80, 0x80, 0x80]],
    ['a fifth byte past 32 bits', [0x80, 0x80, 0x80, 0x80, 0x10]],
  ])('a varint of %s is refused', (_, bytes) => {
    expect(refusal(() => readVarint(reader(...bytes)))).toBe('CORRUPT_MESSAGE');
  });

  it.each([
    ['nothing', []],
    ['a tenth byte past 64 bits', [...Array<number>(9).fill(0x80), 0x02]],
    ['eleven bytes', [...Array<number>(10).fill(0x80), 0x01]],
    ['nine bytes that all go on', Array<number>(9).fill(0x80)],
  ])('a varlong of %s is refused', (_, bytes) => {
    expect(refusal(() => readVarlong(reader(...bytes)))).toBe('CORRUPT_MESSAGE');
  });

  it('a reader stops at its end, not at the end of the bytes', () => {
    expect(refusal(() => readVarint({ bytes: Uint8Array.of(0x80, 0x01), at: 0, end: 1 }))).toBe(
      'CORRUPT_MESSAGE',
    );
  });
});
