import { MillraceError } from '../errors.ts';

/**
 * Zig-zag varints of the record format (the encoding of protocol buffers' sint32 and sint64): seven bits a byte, least
 * significant first, the top bit set on every byte but the last.
 *
 *     value   0  -1   1  -2   2 …      zig-zag  0  1  2  3  4 …
 *     300 → 600 = 0b100_1011000 → d8 04
 */
export interface ByteReader {
  readonly bytes: Uint8Array;
  at: number;
  /** One past the last byte that may be read. */
  readonly end: number;
}

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;
/** As many bytes of a varlong as the bit operations of plain numbers hold. */
const NARROW_BYTES = 4;
const WIDE_MAX = 2n ** 53n;

const corrupt = (message: string): MillraceError => new MillraceError('CORRUPT_MESSAGE', message);

/** Throws CORRUPT_MESSAGE if the reader is at its end. */
export function readByte(reader: ByteReader): number {
  if (reader.at >= reader.end) throw corrupt('a record ends inside a field');
  const byte = reader.bytes[reader.at] ?? 0;
  reader.at += 1;
  return byte;
}

/** A 32-bit value. Throws CORRUPT_MESSAGE on more than 32 bits or too few bytes. */
export function readVarint(reader: ByteReader): number {
  const first = readByte(reader);
  if (first < 0x80) return (first >>> 1) ^ -(first & 1);
  const raw = readLongVarint(reader, first);
  return (raw >>> 1) ^ -(raw & 1);
}

function readLongVarint(reader: ByteReader, first: number): number {
  let raw = first & 0x7f;
  for (let index = 1; index < VARINT_BYTES_MAX; index++) {
    const byte = readByte(reader);
    if (index === VARINT_BYTES_MAX - 1 && byte > 0x0f) break;
    raw |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return raw >>> 0;
  }
  throw corrupt('a varint is longer than 32 bits');
}

/**
 * A 64-bit value as a number, `NaN` beyond ±2^53, where numbers are not exact. Throws CORRUPT_MESSAGE on more than 64 bits
 * or too few bytes.
 */
export function readVarlong(reader: ByteReader): number {
  let small = 0;
  for (let index = 0; index < NARROW_BYTES; index++) {
    const byte = readByte(reader);
    small |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return (small >>> 1) ^ -(small & 1);
  }
  return readWideVarlong(reader, BigInt(small));
}

/** The fifth byte of a varlong and those after it. */
function readWideVarlong(reader: ByteReader, narrow: bigint): number {
  let raw = narrow;
  for (let index = NARROW_BYTES; index < VARLONG_BYTES_MAX; index++) {
    const byte = readByte(reader);
    if (index === VARLONG_BYTES_MAX - 1 && byte > 1) break;
    raw |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return exactNumber((raw >> 1n) ^ -(raw & 1n));
  }
  throw corrupt('a varlong is longer than 64 bits');
}

/** Up to ±2^53, which the distance of two safe integers can be and a number still holds. */
function exactNumber(value: bigint): number {
  return value >= -WIDE_MAX && value <= WIDE_MAX ? Number(value) : Number.NaN;
}

const zigZag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;

const isInt32 = (value: number): boolean => value >= INT32_MIN && value <= INT32_MAX;

const zigZagLong = (value: number): bigint => {
  const wide = BigInt(value);
  return wide < 0n ? -wide * 2n - 1n : wide * 2n;
};

/** Bytes that `writeVarint` takes for a 32-bit value. */
export function varintBytes(value: number): number {
  return ((38 - Math.clz32(zigZag(value) | 1)) / 7) | 0;
}

/** Bytes that `writeVarlong` takes for an integer up to ±2^53. */
export function varlongBytes(value: number): number {
  if (isInt32(value)) return varintBytes(value);
  let bytes = 0;
  for (let rest = zigZagLong(value); rest > 0n; rest >>= 7n) bytes++;
  return bytes;
}

/** Writes a 32-bit value and returns the place after it. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = zigZag(value);
  let place = at;
  while (rest > 0x7f) {
    out[place] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    place++;
  }
  out[place] = rest;
  return place + 1;
}

/** Writes an integer up to ±2^53 and returns the place after it. */
export function writeVarlong(out: Uint8Array, at: number, value: number): number {
  if (isInt32(value)) return writeVarint(out, at, value);
  let rest = zigZagLong(value);
  let place = at;
  while (rest > 0x7fn) {
    out[place] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
    place++;
  }
  out[place] = Number(rest);
  return place + 1;
}
