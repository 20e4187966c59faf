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
/** Up to this many bytes a loop beats a call into the engine. */
export const SHORT_COPY = 48;
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

/** Where a block is written. One object for a whole frame: sequences are many and short, so nothing is made for each. */
export interface Lz4Sink {
  readonly out: Uint8Array;
  at: number;
}

/** Writes one block to the sink, which has room for `lz4BlockBytesMax`. */
export function compressLz4Block(input: Uint8Array, table: Int32Array, sink: Lz4Sink): void {
  table.fill(0);
  const searchEnd = input.length - MATCH_START_MARGIN;
  let anchor = 0;
  let at = 0;
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
    const more = matchBytes - MATCH_BYTES_MIN;
    writeLiterals(sink, Math.min(more, LENGTH_MASK), input, anchor, at);
    writeMatch(sink, at - from, more);
    at += matchBytes;
    anchor = at;
  }
  writeLiterals(sink, 0, input, anchor, input.length);
}

/** Where the four bytes at `at` stood before, or -1; remembers that they stand here. */
function lastSeen(input: Uint8Array, table: Int32Array, at: number): number {
  const four = fourBytes(input, at);
  const slot = Math.imul(four, 0x9e37_79b1) >>> (32 - HASH_BITS);
  const from = (table[slot] as number) - 1;
  table[slot] = at + 1;
  return from >= 0 && at - from <= DISTANCE_MAX && fourBytes(input, from) === four ? from : -1;
}

/** The caller keeps `at` far enough from the end, so that the engine need not look for undefined in the hottest loop. */
const fourBytes = (bytes: Uint8Array, at: number): number =>
  (bytes[at] as number) |
  ((bytes[at + 1] as number) << 8) |
  ((bytes[at + 2] as number) << 16) |
  ((bytes[at + 3] as number) << 24);

function matchLength(input: Uint8Array, from: number, at: number): number {
  const limit = input.length - LAST_LITERALS - at;
  let length = MATCH_BYTES_MIN;
  while (length < limit && input[from + length] === input[at + length]) length++;
  return length;
}

/** A token and the literals from `start` to `end`. */
function writeLiterals(sink: Lz4Sink, tokenLow: number, input: Uint8Array, start: number, end: number): void {
  const { out } = sink;
  const count = end - start;
  out[sink.at] = (Math.min(count, LENGTH_MASK) << 4) | tokenLow;
  sink.at += 1;
  if (count >= LENGTH_MASK) writeLengthRest(sink, count - LENGTH_MASK);
  if (count > SHORT_COPY) out.set(input.subarray(start, end), sink.at);
  else for (let index = 0; index < count; index++) out[sink.at + index] = input[start + index] as number;
  sink.at += count;
}

function writeMatch(sink: Lz4Sink, distance: number, more: number): void {
  sink.out[sink.at] = distance;
  sink.out[sink.at + 1] = distance >> 8;
  sink.at += 2;
  if (more >= LENGTH_MASK) writeLengthRest(sink, more - LENGTH_MASK);
}

function writeLengthRest(sink: Lz4Sink, length: number): void {
  let rest = length;
  while (rest >= 255) {
    sink.out[sink.at] = 255;
    sink.at += 1;
    rest -= 255;
  }
  sink.out[sink.at] = rest;
  sink.at += 1;
}
