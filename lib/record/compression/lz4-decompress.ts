import { LENGTH_MASK, MATCH_BYTES_MIN, SHORT_COPY } from './lz4-compress.ts';
import { corruptCompression } from './refusals.ts';

/**
 * Decompression of LZ4 blocks (laid out in lz4-compress.ts) in two passes. The first finds what a block gives and that
 * its lengths add up to its end; the second writes into exactly enough room and need not look for the end again.
 */
const cutOff = (): Error => corruptCompression('an LZ4 block is cut off');

/** What the block decompresses to, in bytes. Throws CORRUPT_MESSAGE if its lengths do not add up to its end. */
export function measureLz4Block(input: Uint8Array): number {
  let at = 0;
  let outBytes = 0;
  for (;;) {
    if (at >= input.length) throw cutOff();
    const token = input[at] as number;
    at += 1;
    let literals = token >> 4;
    if (literals === LENGTH_MASK) {
      const end = lengthEnd(input, at);
      literals = longLength(input, at, end);
      at = end;
    }
    at += literals;
    outBytes += literals;
    if (at === input.length) return outBytes;
    at += 2;
    let more = token & LENGTH_MASK;
    if (more === LENGTH_MASK) {
      const end = lengthEnd(input, at);
      more = longLength(input, at, end);
      at = end;
    }
    outBytes += more + MATCH_BYTES_MIN;
  }
}

/**
 * Writes what the (measured) block gives to `out` from `outAt` on. Throws CORRUPT_MESSAGE if a match begins before the
 * block's own output: blocks are independent.
 */
export function decompressLz4Block(input: Uint8Array, out: Uint8Array, outAt: number): void {
  let at = 0;
  let place = outAt;
  for (;;) {
    const token = input[at] as number;
    at += 1;
    let literals = token >> 4;
    if (literals === LENGTH_MASK) {
      const end = lengthEnd(input, at);
      literals = longLength(input, at, end);
      at = end;
    }
    copyLiterals(input, at, literals, out, place);
    at += literals;
    place += literals;
    if (at === input.length) return;
    const distance = (input[at] as number) | ((input[at + 1] as number) << 8);
    at += 2;
    if (distance === 0 || distance > place - outAt) throw corruptCompression('an LZ4 match begins nowhere');
    let more = token & LENGTH_MASK;
    if (more === LENGTH_MASK) {
      const end = lengthEnd(input, at);
      more = longLength(input, at, end);
      at = end;
    }
    copyMatch(out, place, distance, more + MATCH_BYTES_MIN);
    place += more + MATCH_BYTES_MIN;
  }
}

/** The place after the further bytes of a length: all 255 but the last. */
function lengthEnd(input: Uint8Array, start: number): number {
  let at = start;
  while (input[at] === 255) at++;
  if (at >= input.length) throw cutOff();
  return at + 1;
}

const longLength = (input: Uint8Array, start: number, end: number): number =>
  LENGTH_MASK + 255 * (end - 1 - start) + (input[end - 1] as number);

function copyLiterals(input: Uint8Array, at: number, count: number, out: Uint8Array, outAt: number): void {
  if (count > SHORT_COPY) out.set(input.subarray(at, at + count), outAt);
  else for (let index = 0; index < count; index++) out[outAt + index] = input[at + index] as number;
}

/** A match may reach into what it writes: then it repeats. */
function copyMatch(out: Uint8Array, outAt: number, distance: number, count: number): void {
  const from = outAt - distance;
  if (count > SHORT_COPY && distance >= count) out.copyWithin(outAt, from, from + count);
  else for (let index = 0; index < count; index++) out[outAt + index] = out[from + index] as number;
}
