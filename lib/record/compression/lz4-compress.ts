/**
 * Compression to LZ4 blocks (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md). A block is a row of sequences:
 *
 *     token     high 4 bits: number of literals, low 4 bits: match length − 4; 15 goes on in further bytes
 *     literals
 *     uint16le  how far back the match begins, 1 to 65,535        ┐ not in the
 *     …         further bytes of the match length                 ┘ last sequence
 *
 * The last five bytes of a block are literals and its last match begins at least twelve bytes before the end.
 */
export const MATCH_BYTES_MIN = 4;
/** A length of 15 in the token goes on in further bytes, each 255 but the last. */
export const LENGTH_MASK = 15;
const LAST_LITERALS = 5;
const MATCH_START_MARGIN = 12;
const DISTANCE_MAX = 65_535;
const HASH_BITS = 13;

/** The most that a block of `bytes` can take. */
export function lz4BlockBytesMax(bytes: number): number {
  return bytes + Math.ceil(bytes / 255) + 16;
}

/** For each hash of four bytes, one more than the place they were last seen at. Cleared for every block. */
export function createLz4Table(): Int32Array {
  return new Int32Array(1 << HASH_BITS);
}

/** Writes the block to `out` from `outAt` on, which has room for `lz4BlockBytesMax`, and returns the place after it. */
export function compressLz4Block(
  input: Uint8Array,
  table: Int32Array,
  out: Uint8Array,
  outAt: number,
): number {
  table.fill(0);
  const searchEnd = input.length - MATCH_START_MARGIN;
  let anchor = 0;
  let at = 0;
  let place = outAt;
  let misses = 0;
  while (at <= searchEnd) {
    const from = lastSeen(input, table, at);
    if (from < 0) {
      // Bytes that do not repeat are passed in growing steps.
      at += 1 + (misses >> 6);
      misses++;
      continue;
    }
    misses = 0;
    const matchBytes = matchLength(input, from, at);
    place = writeSequence(input.subarray(anchor, at), { distance: at - from, matchBytes }, out, place);
    at += matchBytes;
    anchor = at;
  }
  return writeLiterals(input.subarray(anchor), 0, out, place);
}

/** Where the four bytes at `at` stood before, or -1; remembers that they stand here. */
function lastSeen(input: Uint8Array, table: Int32Array, at: number): number {
  const four = fourBytes(input, at);
  const slot = Math.imul(four, 0x9e37_79b1) >>> (32 - HASH_BITS);
  const from = (table[slot] ?? 0) - 1;
  table[slot] = at + 1;
  return from >= 0 && at - from <= DISTANCE_MAX && fourBytes(input, from) === four ? from : -1;
}

const fourBytes = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) |
  ((bytes[at + 1] ?? 0) << 8) |
  ((bytes[at + 2] ?? 0) << 16) |
  ((bytes[at + 3] ?? 0) << 24);

function matchLength(input: Uint8Array, from: number, at: number): number {
  const end = input.length - LAST_LITERALS;
  let length = MATCH_BYTES_MIN;
  while (at + length < end && input[from + length] === input[at + length]) length++;
  return length;
}

function writeSequence(
  literals: Uint8Array,
  match: { readonly distance: number; readonly matchBytes: number },
  out: Uint8Array,
  outAt: number,
): number {
  const more = match.matchBytes - MATCH_BYTES_MIN;
  let place = writeLiterals(literals, Math.min(more, LENGTH_MASK), out, outAt);
  out[place] = match.distance;
  out[place + 1] = match.distance >> 8;
  place += 2;
  return more < LENGTH_MASK ? place : writeLengthRest(more - LENGTH_MASK, out, place);
}

function writeLiterals(literals: Uint8Array, tokenLow: number, out: Uint8Array, outAt: number): number {
  const count = literals.length;
  out[outAt] = (Math.min(count, LENGTH_MASK) << 4) | tokenLow;
  const place = count < LENGTH_MASK ? outAt + 1 : writeLengthRest(count - LENGTH_MASK, out, outAt + 1);
  out.set(literals, place);
  return place + count;
}

function writeLengthRest(length: number, out: Uint8Array, outAt: number): number {
  let rest = length;
  let place = outAt;
  while (rest >= 255) {
    out[place] = 255;
    rest -= 255;
    place++;
  }
  out[place] = rest;
  return place + 1;
}
