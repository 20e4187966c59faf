/**
 * SipHash-2-4 with 128 bits of output (https://github.com/veorq/SipHash): a keyed hash, so that nobody who chooses
 * record keys can choose two that collide. With a random secret, n keys meet a collision with a chance of about
 * n² / 2^129: for a thousand million keys 10^-21. 64-bit words are held as two 32-bit halves, low one first.
 */
export interface KeyHasher {
  /** Leaves the hash of `bytes[at, at + length)` in `words`. */
  hash(bytes: Uint8Array, at: number, length: number): void;
  /** The last hash: four 32-bit words. Overwritten by the next one. */
  readonly words: Int32Array;
}

export const SECRET_BYTES = 16;

const BLOCK_ROUNDS = 2;
const FINAL_ROUNDS = 4;

/** `secret`: `SECRET_BYTES` random bytes. */
export function keyHasher(secret: Uint8Array): KeyHasher {
  const words = new Int32Array(4);
  const key = Int32Array.of(...[0, 4, 8, 12].map((at) => half(secret, at, SECRET_BYTES)));
  return { words, hash: (bytes, at, length) => sipHash(words, key, bytes, at, length) };
}

/**
 * One loop over the whole blocks, the rest with the length, and the two ends of the output, so that the state stays in
 * locals: this is where compaction spends its time.
 */
function sipHash(out: Int32Array, key: Int32Array, bytes: Uint8Array, at: number, length: number): void {
  const k0l = key[0] ?? 0;
  const k0h = key[1] ?? 0;
  const k1l = key[2] ?? 0;
  const k1h = key[3] ?? 0;
  // "somepseudorandomlygeneratedbytes", and 0xee for the long output.
  let v0l = 0x70736575 ^ k0l;
  let v0h = 0x736f6d65 ^ k0h;
  let v1l = 0x6e646f6d ^ k1l ^ 0xee;
  let v1h = 0x646f7261 ^ k1h;
  let v2l = 0x6e657261 ^ k0l;
  let v2h = 0x6c796765 ^ k0h;
  let v3l = 0x79746573 ^ k1l;
  let v3h = 0x74656462 ^ k1h;
  const end = at + length;
  const restAt = end - (length & 7);
  for (let place = at; place <= restAt + 16; place += 8) {
    const low = half(bytes, place, end);
    const high = half(bytes, place + 4, end) | when(place === restAt, length << 24);
    const rounds = place > restAt ? FINAL_ROUNDS : BLOCK_ROUNDS;
    v2l ^= when(place === restAt + 8, 0xee);
    v1l ^= when(place === restAt + 16, 0xdd);
    v3l ^= low;
    v3h ^= high;
    for (let round = 0; round < rounds; round += 1) {
      let sum = (v0l + v1l) | 0;
      v0h = (v0h + v1h + carry(v0l, v1l, sum)) | 0;
      v0l = sum;
      let turned = (v1l << 13) | (v1h >>> 19);
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = turned ^ v0l;
      turned = v0l;
      v0l = v0h;
      v0h = turned;
      sum = (v2l + v3l) | 0;
      v2h = (v2h + v3h + carry(v2l, v3l, sum)) | 0;
      v2l = sum;
      turned = (v3l << 16) | (v3h >>> 16);
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = turned ^ v2l;
      sum = (v0l + v3l) | 0;
      v0h = (v0h + v3h + carry(v0l, v3l, sum)) | 0;
      v0l = sum;
      turned = (v3l << 21) | (v3h >>> 11);
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = turned ^ v0l;
      sum = (v2l + v1l) | 0;
      v2h = (v2h + v1h + carry(v2l, v1l, sum)) | 0;
      v2l = sum;
      turned = (v1l << 17) | (v1h >>> 15);
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = turned ^ v2l;
      turned = v2l;
      v2l = v2h;
      v2h = turned;
    }
    v0l ^= low;
    v0h ^= high;
    // Only the last two stay.
    const at64 = when(place === restAt + 16, 2);
    out[at64] = v0l ^ v1l ^ v2l ^ v3l;
    out[at64 + 1] = v0h ^ v1h ^ v2h ^ v3h;
  }
}

const when = (holds: boolean, value: number): number => (holds ? value : 0);

/** Of an addition of 32-bit words. */
const carry = (a: number, b: number, sum: number): number => ((a & b) | ((a | b) & ~sum)) >>> 31;

/** Four bytes, the lowest first; zeros behind the end. */
function half(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return rest(bytes, at, end);
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

function rest(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = at; i < end; i += 1) value |= (bytes[i] ?? 0) << (8 * (i - at));
  return value;
}
