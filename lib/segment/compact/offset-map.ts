import { invariant } from '../../errors.ts';
import { StorageFault } from '../../storage/fault.ts';
import { type KeyHasher, keyHasher, SECRET_BYTES } from './key-hash.ts';

/** The newest offset of every key of a stretch of log, in memory whose bound is fixed when it is made. */
export interface OffsetMap {
  readonly keyCount: number;
  /** Answers whether there was room; a key that is there already always has room. Offsets may come in any order. */
  put(offset: number, key: Uint8Array, at?: number, length?: number): boolean;
  /** Undefined for a key that was never put. */
  newest(key: Uint8Array, at?: number, length?: number): number | undefined;
  /** The newest offset of every key, in no order. */
  eachOffset(visit: (offset: number) => void): void;
  /** Behind `prefix`, whose length is a multiple of eight. */
  serialise(prefix?: Uint8Array): Uint8Array;
}

/** 2.5 million keys. */
export const MAP_BYTES_DEFAULT = 67_108_864;
/** A slot: four words of hash, and the offset plus one as two, high one first, so that zeros are an empty slot. */
export const SLOT_BYTES = 24;
/** Beyond this the runs that linear probing has to walk grow too long. */
const LOAD_MAX = 0.9;
/** Where the number of keys has a bound, they get more room than they need. */
const LOAD_AT_EASE = 0.5;
const WORDS = 6;
/** A table begins small and grows as it fills: few keys then lie close together, which memory caches reward. */
const SLOTS_FIRST = 4_096;
const GROWTH = 4;

/**
 * Serialised, little endian, since typed arrays are:
 *
 *      0  "MROM"   4  uint32 format, 1   8  float64 number of keys   16  secret, 16 bytes
 *     32  offset plus one, float64 each, then the hashes, 16 bytes each, in the same order
 */
const MAGIC = 0x4d4f_524d;
const FORMAT = 1;
const HEAD_BYTES = 32;
const TWO_32 = 0x1_0000_0000;

/** Memory is at most `mapBytes`, and less where that many keys will never come. */
export interface MapRoom {
  /** @default MAP_BYTES_DEFAULT */
  readonly mapBytes?: number;
  /** @default no bound */
  readonly keysMax?: number;
}

/**
 * Open addressing with linear probing in one buffer, or in two while it grows. Keys are known by a hash of 128 bits only (key-hash.ts states
 * the odds). `secret`: 16 random bytes.
 */
export function offsetMap(options: MapRoom & { readonly secret: Uint8Array }): OffsetMap {
  const { mapBytes = MAP_BYTES_DEFAULT, keysMax = Number.POSITIVE_INFINITY } = options;
  const slotsMax = Math.min(Math.floor(mapBytes / SLOT_BYTES), slotsFor(keysMax, LOAD_AT_EASE));
  invariant(slotsMax > 1 && options.secret.length === SECRET_BYTES, 'a map has room and a secret');
  const slotCount = Math.min(slotsMax, SLOTS_FIRST);
  return facade({
    secret: options.secret,
    hasher: keyHasher(options.secret),
    slotsMax,
    slotCount,
    words: new Int32Array(slotCount * WORDS),
    keyCount: 0,
  });
}

const slotsFor = (keys: number, load: number): number => Math.ceil(keys / load) + 2;

/**
 * What was stored always has room; `room` is for what is to come. Throws `StorageFault` (`damaged`, or `refused` for a
 * newer format).
 */
export function deserialiseMap(bytes: Uint8Array, room: MapRoom = {}): OffsetMap {
  const damaged = new StorageFault('damaged', 'what is stored is no offset map');
  if (bytes.length < HEAD_BYTES) throw damaged;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const keyCount = view.getFloat64(8, true);
  if (view.getUint32(0, true) !== MAGIC) throw damaged;
  if (view.getUint32(4, true) > FORMAT) {
    throw new StorageFault('refused', 'an offset map has a newer format: upgrade Millrace');
  }
  if (bytes.length !== HEAD_BYTES + keyCount * SLOT_BYTES) throw damaged;
  const neededBytes = slotsFor(keyCount, LOAD_MAX) * SLOT_BYTES;
  const mapBytes = Math.max(room.mapBytes ?? MAP_BYTES_DEFAULT, neededBytes);
  // Not `slice`: of a Buffer that is a view.
  const secret = new Uint8Array(bytes.subarray(16, HEAD_BYTES));
  const map = offsetMap({ ...room, secret, mapBytes }) as FilledMap;
  map.fill(view, keyCount);
  return map;
}

interface SlotTable {
  readonly secret: Uint8Array;
  readonly hasher: KeyHasher;
  readonly slotsMax: number;
  slotCount: number;
  words: Int32Array;
  keyCount: number;
}

interface FilledMap extends OffsetMap {
  /** With what was serialised. Read through the view: what is stored need not be aligned, and is large. */
  fill(stored: DataView, keyCount: number): void;
}

function facade(table: SlotTable): FilledMap {
  const { hasher } = table;
  return {
    get keyCount() {
      return table.keyCount;
    },
    put: (offset, key, at = 0, length = key.length) => {
      hasher.hash(key, at, length);
      return putHash(table, hasher.words, 0, offset + 1);
    },
    newest: (key, at = 0, length = key.length) => {
      hasher.hash(key, at, length);
      const end = endAt(table.words, findSlot(table, hasher.words, 0) * WORDS);
      return end === 0 ? undefined : end - 1;
    },
    eachOffset: (visit) => {
      for (let at = 0; at < table.words.length; at += WORDS) {
        const end = endAt(table.words, at);
        if (end !== 0) visit(end - 1);
      }
    },
    serialise: (prefix = new Uint8Array(0)) => serialise(table, prefix),
    fill: (stored, keyCount) => {
      const hash = new Int32Array(4);
      for (let i = 0; i < keyCount; i += 1) {
        const hashAt = HEAD_BYTES + keyCount * 8 + i * 16;
        for (let word = 0; word < 4; word += 1) hash[word] = stored.getInt32(hashAt + 4 * word, true);
        putHash(table, hash, 0, stored.getFloat64(HEAD_BYTES + i * 8, true));
      }
    },
  };
}

const endAt = (words: Int32Array, at: number): number =>
  ((words[at + 4] ?? 0) >>> 0) * TWO_32 + ((words[at + 5] ?? 0) >>> 0);

/** The slot of the hash that stands at `from`, or the empty one where it belongs: the load has a bound, so there is one. */
function findSlot(table: SlotTable, hash: Int32Array, from: number): number {
  const { words, slotCount } = table;
  const h0 = hash[from] ?? 0;
  let slot = Math.floor(((h0 >>> 0) / TWO_32) * slotCount);
  for (;;) {
    const at = WORDS * slot;
    const same = words[at] === h0 && words[at + 1] === hash[from + 1];
    if (same && words[at + 2] === hash[from + 2] && words[at + 3] === hash[from + 3]) return slot;
    if (words[at + 4] === 0 && words[at + 5] === 0) return slot;
    slot = slot + 1 === slotCount ? 0 : slot + 1;
  }
}

function putHash(table: SlotTable, hash: Int32Array, from: number, end: number): boolean {
  const at = WORDS * findSlot(table, hash, from);
  const known = endAt(table.words, at);
  if (known !== 0) {
    if (end > known) setEnd(table.words, at, end);
    return true;
  }
  if (table.keyCount >= Math.floor(table.slotCount * LOAD_MAX)) {
    return grow(table) && putHash(table, hash, from, end);
  }
  table.keyCount += 1;
  for (let i = 0; i < 4; i += 1) table.words[at + i] = hash[from + i] ?? 0;
  setEnd(table.words, at, end);
  return true;
}

function setEnd(words: Int32Array, at: number, end: number): void {
  words[at + 4] = Math.floor(end / TWO_32);
  words[at + 5] = end;
}

/** Answers whether there is more room now. */
function grow(table: SlotTable): boolean {
  const { slotCount, slotsMax, words } = table;
  if (slotCount === slotsMax) return false;
  table.slotCount = Math.min(slotsMax, slotCount * GROWTH);
  table.words = new Int32Array(table.slotCount * WORDS);
  for (let at = 0; at < words.length; at += WORDS) {
    if (endAt(words, at) === 0) continue;
    const into = WORDS * findSlot(table, words, at);
    for (let i = 0; i < WORDS; i += 1) table.words[into + i] = words[at + i] ?? 0;
  }
  return true;
}

function serialise(table: SlotTable, prefix: Uint8Array): Uint8Array {
  const { keyCount, words } = table;
  const head = prefix.length;
  const stored = new ArrayBuffer(head + HEAD_BYTES + keyCount * SLOT_BYTES);
  const bytes = new Uint8Array(stored);
  bytes.set(prefix);
  const view = new DataView(stored, head);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, FORMAT, true);
  view.setFloat64(8, keyCount, true);
  bytes.set(table.secret, head + 16);
  const ends = new Float64Array(stored, head + HEAD_BYTES, keyCount);
  const hashes = new Int32Array(stored, head + HEAD_BYTES + keyCount * 8, keyCount * 4);
  let next = 0;
  for (let at = 0; at < words.length; at += WORDS) {
    const end = endAt(words, at);
    if (end === 0) continue;
    ends[next] = end;
    for (let i = 0; i < 4; i += 1) hashes[4 * next + i] = words[at + i] ?? 0;
    next += 1;
  }
  return bytes;
}
