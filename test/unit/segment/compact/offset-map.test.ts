import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyHasher } from '../../../../lib/segment/compact/key-hash.ts';
import { deserialiseMap, offsetMap } from '../../../../lib/segment/compact/offset-map.ts';

const secret = Uint8Array.from({ length: 16 }, (_, i) => i);
const keyOf = (text: string): Uint8Array => Buffer.from(text);

describe('the hash of a key', () => {
  const hashOf = (length: number): string => {
    const hasher = keyHasher(secret);
    hasher.hash(
      Uint8Array.from({ length }, (_, i) => i),
      0,
      length,
    );
    return Buffer.from(hasher.words.buffer).toString('hex');
  };

  // Rows of the table of vectors that the reference implementation is tested with.
  it.each([
    [0, 'a3817f04ba25a8e66df67214c7550293'],
    [1, 'da87c1d86b99af44347659119b22fc45'],
  ])('is SipHash-2-4-128: %i bytes', (length, expected) => {
    expect(hashOf(length)).toBe(expected);
  });

  it('depends on every byte, on the length and on the secret', () => {
    const hashes = Array.from({ length: 40 }, (_, length) => hashOf(length));
    expect(new Set(hashes).size).toBe(40);
    const other = keyHasher(new Uint8Array(16));
    other.hash(new Uint8Array(0), 0, 0);
    expect(Buffer.from(other.words.buffer).toString('hex')).not.toBe(hashes[0]);
  });
});

describe('the offset map', () => {
  it('answers what an ordinary map would, before and after it was stored', () => {
    const puts = fc.array(fc.tuple(fc.string({ maxLength: 12 }), fc.nat(2 ** 40)), { maxLength: 200 });
    fc.assert(
      fc.property(puts, (entries) => {
        const map = offsetMap({ secret, mapBytes: 24 * 256 });
        const model = new Map<string, number>();
        for (const [key, offset] of entries) {
          expect(map.put(offset, keyOf(key))).toBe(true);
          model.set(key, Math.max(offset, model.get(key) ?? 0));
        }
        const stored = deserialiseMap(map.serialise(), { mapBytes: 24 * 300 });
        for (const [key, offset] of model) {
          expect(map.newest(keyOf(key))).toBe(offset);
          expect(stored.newest(keyOf(key))).toBe(offset);
        }
        expect(map.keyCount).toBe(model.size);
        expect(stored.keyCount).toBe(model.size);
        expect(map.newest(keyOf('a key that is longer than any'))).toBeUndefined();
      }),
    );
  });

  it('keeps offset 0, and finds a key inside other bytes', () => {
    const map = offsetMap({ secret, mapBytes: 2_400 });
    map.put(0, keyOf('xxkeyyy'), 2, 3);
    expect(map.newest(keyOf('key'))).toBe(0);
  });

  it('is full at nine tenths of its slots, and then takes only keys it has', () => {
    const map = offsetMap({ secret, mapBytes: 24 * 1_000 });
    let count = 0;
    while (map.put(count, keyOf(`key ${count}`))) count += 1;
    expect(count).toBe(900);
    expect(map.put(5_000, keyOf('key 17'))).toBe(true);
    expect(map.newest(keyOf('key 17'))).toBe(5_000);
    expect(map.newest(keyOf('key 900'))).toBeUndefined();
  });

  it('loses nothing while it grows, and knows offsets past 32 bits', () => {
    const map = offsetMap({ secret });
    const offsetOf = (i: number): number => i * 100_000 + 7;
    for (let i = 0; i < 60_000; i += 1) map.put(offsetOf(i), keyOf(`key ${i}`));
    const stored = deserialiseMap(map.serialise());
    let wrong = 0;
    for (let i = 0; i < 60_000; i += 1) {
      if (map.newest(keyOf(`key ${i}`)) !== offsetOf(i)) wrong += 1;
      if (stored.newest(keyOf(`key ${i}`)) !== offsetOf(i)) wrong += 1;
    }
    expect(wrong).toBe(0);
    const offsets: number[] = [];
    map.eachOffset((offset) => offsets.push(offset));
    expect(offsets.sort((a, b) => a - b)).toEqual(Array.from({ length: 60_000 }, (_, i) => offsetOf(i)));
  });

  it('takes no more memory than the keys that may come need', () => {
    const map = offsetMap({ secret, keysMax: 10 });
    let count = 0;
    while (map.put(count, keyOf(`key ${count}`))) count += 1;
    expect(count).toBe(19);
  });

  it('comes back whole even where there is less room than it had', () => {
    const map = offsetMap({ secret, mapBytes: 24 * 1_000 });
    for (let i = 0; i < 900; i += 1) map.put(i, keyOf(`key ${i}`));
    const back = deserialiseMap(map.serialise(), { mapBytes: 480 });
    for (let i = 0; i < 900; i += 1) expect(back.newest(keyOf(`key ${i}`))).toBe(i);
  });

  it('refuses bytes that are no map', () => {
    const stored = offsetMap({ secret, mapBytes: 480 }).serialise();
    expect(() => deserialiseMap(new Uint8Array(7))).toThrow('no offset map');
    expect(() => deserialiseMap(stored.subarray(1))).toThrow('no offset map');
    expect(() => deserialiseMap(Buffer.concat([stored, stored]))).toThrow('no offset map');
    const newer = stored.slice();
    newer[4] = 2;
    expect(() => deserialiseMap(newer)).toThrow('newer format');
  });
});
