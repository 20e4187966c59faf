import { invariant } from '../../errors.ts';
import { StorageFault } from '../../storage/fault.ts';
import { type KeyHasher, keyHasher, SECRET_BYTES } from './key-hash.ts';

/** The newest offset of every key of a stretch of log, in memory that is fixed when it is made. */
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
/** A slot: four words of hash, and the offset plus one as a float, so that zeros are an empty slot. */
export const SLOT_BYTES = 24;
/** Beyond this the runs that linear probing has to walk grow too long. */
const LOAD_MAX = 0.9;
/** Where the number of keys has a bound, they get more room than they need. */
const LOAD_AT_EASE = 0.5;

/**
 * Serialised, little endian, since typed arrays are:
 *
 *      0  "MROM"   4  uint32 format, 1   8  float64 number of keys   16  secret, 16 bytes
 *     32  offset plus one, float64 each, then the hashes, 16 bytes each, in the same order
 */
const MAGIC = 0x4d4f_524d;
const FORMAT = 1;
const HEAD_BYTES = 32;

/** Memory is at most `mapBytes`, and less where that many keys will never come. */
export interface MapRoom {
  /** @default MAP_BYTES_DEFAULT */
  readonly mapBytes?: number;
  /** @default no bound */
  readonly keysMax?: number;
}

/**
 * Open addressing with linear probing in one `ArrayBuffer`. Keys are known by a hash of 128 bits only (key-hash.ts states
 * the odds). `secret`: 16 random bytes.
 */
export function offsetMap(options: MapRoom & { readonly secret: Uint8Array }): OffsetMap {
  const { mapBytes = MAP_BYTES_DEFAULT, keysMax = Number.POSITIVE_INFINITY } = options;
  const slotCount = Math.min(Math.floor(mapBytes / SLOT_BYTES), slotsFor(keysMax, LOAD_AT_EASE));
  invariant(slotCount > 1 && options.secret.length === SECRET_BYTES, 'a map has room and a secret');
  const buffer = new ArrayBuffer(slotCount * SLOT_BYTES);
  const table: SlotTable = {
    secret: options.secret,
    hasher: keyHasher(options.secret),
    slotCount,
    keyCountMax: Math.floor(slotCount * LOAD_MAX),
    ends: new Float64Array(buffer, 0, slotCount),
    hashes: new Int32Array(buffer, slotCount * 8, slotCount * 4),
    keyCount: 0,
  };
  return facade(table);
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
  readonly slotCount: number;
  readonly keyCountMax: number;
  /** Offset plus one; 0 marks an empty slot. */
  readonly ends: Float64Array;
  readonly hashes: Int32Array;
  keyCount: number;
}

interface FilledMap extends OffsetMap {
  /** With what was serialised. Read through the view: what is stored need not be aligned, and is large. */
  fill(stored: DataView, keyCount: number): void;
}

function facade(table: SlotTable): FilledMap {
  const { hasher, ends } = table;
  return {
    get keyCount() {
      return table.keyCount;
    },
    put: (offset, key, at = 0, length = key.length) => {
      hasher.hash(key, at, length);
      return putHash(table, hasher.words, offset + 1);
    },
    newest: (key, at = 0, length = key.length) => {
      hasher.hash(key, at, length);
      const end = ends[findSlot(table, hasher.words)] ?? 0;
      return end === 0 ? undefined : end - 1;
    },
    eachOffset: (visit) => {
      for (const end of ends) if (end !== 0) visit(end - 1);
    },
    serialise: (prefix = new Uint8Array(0)) => serialise(table, prefix),
    fill: (stored, keyCount) => {
      const hash = new Int32Array(4);
      for (let i = 0; i < keyCount; i += 1) {
        const hashAt = HEAD_BYTES + keyCount * 8 + i * 16;
        for (let word = 0; word < 4; word += 1) hash[word] = stored.getInt32(hashAt + 4 * word, true);
        putHash(table, hash, stored.getFloat64(HEAD_BYTES + i * 8, true));
      }
    },
  };
}

/** The slot of a hash, or the empty one where it belongs: there is always one, because the load has a bound. */
function findSlot(table: SlotTable, hash: Int32Array): number {
  const { ends, hashes, slotCount } = table;
  const h0 = hash[0] ?? 0;
  let slot = Math.floor(((h0 >>> 0) / 0x1_0000_0000) * slotCount);
  while (ends[slot] !== 0) {
    const at = 4 * slot;
    const same = hashes[at] === h0 && hashes[at + 1] === hash[1];
    if (same && hashes[at + 2] === hash[2] && hashes[at + 3] === hash[3]) break;
    slot = slot + 1 === slotCount ? 0 : slot + 1;
  }
  return slot;
}

function putHash(table: SlotTable, hash: Int32Array, end: number): boolean {
  const { ends, hashes } = table;
  const slot = findSlot(table, hash);
  const known = ends[slot] ?? 0;
  if (known === 0) {
    if (table.keyCount >= table.keyCountMax) return false;
    table.keyCount += 1;
    for (let i = 0; i < 4; i += 1) hashes[4 * slot + i] = hash[i] ?? 0;
  }
  if (end > known) ends[slot] = end;
  return true;
}

function serialise(table: SlotTable, prefix: Uint8Array): Uint8Array {
  const { keyCount, slotCount } = table;
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
  for (let slot = 0; slot < slotCount; slot += 1) {
    const end = table.ends[slot] ?? 0;
    if (end === 0) continue;
    ends[next] = end;
    for (let i = 0; i < 4; i += 1) hashes[4 * next + i] = table.hashes[4 * slot + i] ?? 0;
    next += 1;
  }
  return bytes;
}
