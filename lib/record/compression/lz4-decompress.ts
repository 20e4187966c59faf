import { LENGTH_MASK, MATCH_BYTES_MIN } from './lz4-compress.ts';
import { corruptCompression } from './refusals.ts';

/**
 * Decompression of LZ4 blocks (laid out in lz4-compress.ts) in two passes: the first finds how much a block gives and
 * that its lengths hold together, so that the second writes into exactly enough room.
 */
interface Cursor {
  readonly input: Uint8Array;
  at: number;
}

const cutOff = (): Error => corruptCompression('an LZ4 block is cut off');

/** What the block decompresses to, in bytes. Throws CORRUPT_MESSAGE if its lengths do not add up to its end. */
export function measureLz4Block(input: Uint8Array): number {
  const cursor: Cursor = { input, at: 0 };
  let outBytes = 0;
  for (;;) {
    const token = nextByte(cursor);
    const literals = readLength(cursor, token >> 4);
    cursor.at += literals;
    outBytes += literals;
    if (cursor.at === input.length) return outBytes;
    cursor.at += 2;
    if (cursor.at > input.length) throw cutOff();
    outBytes += readLength(cursor, token & LENGTH_MASK) + MATCH_BYTES_MIN;
  }
}

/**
 * Writes what the (measured) block gives to `out` from `outAt` on and returns the place after it. Throws
 * CORRUPT_MESSAGE if a match begins before the block's own output: blocks are independent.
 */
export function decompressLz4Block(input: Uint8Array, out: Uint8Array, outAt: number): number {
  const cursor: Cursor = { input, at: 0 };
  let place = outAt;
  for (;;) {
    const token = nextByte(cursor);
    const literals = readLength(cursor, token >> 4);
    copyLiterals(cursor, literals, out, place);
    place += literals;
    if (cursor.at === input.length) return place;
    const distance = nextByte(cursor) | (nextByte(cursor) << 8);
    if (distance === 0 || distance > place - outAt) throw corruptCompression('an LZ4 match begins nowhere');
    const matchBytes = readLength(cursor, token & LENGTH_MASK) + MATCH_BYTES_MIN;
    copyMatch(out, place, { distance, matchBytes });
    place += matchBytes;
  }
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.input[cursor.at];
  if (byte === undefined) throw cutOff();
  cursor.at += 1;
  return byte;
}

function readLength(cursor: Cursor, inToken: number): number {
  if (inToken < LENGTH_MASK) return inToken;
  let length = inToken;
  for (;;) {
    const byte = nextByte(cursor);
    length += byte;
    if (byte < 255) return length;
  }
}

/** Below this many bytes a loop beats a call into the engine. */
const SHORT = 24;

function copyLiterals(cursor: Cursor, length: number, out: Uint8Array, outAt: number): void {
  const { input, at } = cursor;
  if (length > SHORT) out.set(input.subarray(at, at + length), outAt);
  else for (let index = 0; index < length; index++) out[outAt + index] = input[at + index] ?? 0;
  cursor.at = at + length;
}

/** A match may reach into what it writes: then it repeats. */
function copyMatch(
  out: Uint8Array,
  outAt: number,
  match: { readonly distance: number; readonly matchBytes: number },
): void {
  const { distance, matchBytes } = match;
  const from = outAt - distance;
  if (matchBytes > SHORT && distance >= matchBytes) out.copyWithin(outAt, from, from + matchBytes);
  else for (let index = 0; index < matchBytes; index++) out[outAt + index] = out[from + index] ?? 0;
}
