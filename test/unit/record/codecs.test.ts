import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { snappyCompress } from 'hysnappy';
import { describe, expect, it } from 'vitest';
import { COMPRESSION_NAMES, type CompressionName } from '../../../lib/record/compression/names.ts';
import { loadCodecs } from '../../../lib/record/index.ts';
import { noise } from '../../golden/sample-records.ts';
import { refusal } from './support.ts';

const codecs = await loadCodecs();
const names: CompressionName[] = COMPRESSION_NAMES.filter((name) => name !== 'none');
const MIB = 1_048_576;
const text = Buffer.from('{"city":"Zug","count":1},'.repeat(8_000));

/** Noise and repetition in turns, some of it longer than one block of any codec. */
const anyContent: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.nat(400))
        .map(([part, times]) => Buffer.concat(Array<Uint8Array>(times).fill(part))),
      fc.tuple(fc.nat(70_000), fc.nat()).map(([length, seed]) => noise(length, seed)),
      fc.nat(140_000).map((length) => new Uint8Array(length)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Uint8Array.from(Buffer.concat(parts)));

describe('CRC-32C', () => {
  it.each([
    ['', 0],
    ['123456789', 0xe306_9283],
    ['a', 0xc1d0_4330],
  ])('of %j is the value everybody has', (input, crc) => {
    expect(codecs.crc32c(Buffer.from(input))).toBe(crc);
  });

  it('of 32 zero bytes and of 32 ones is that of RFC 3720', () => {
    expect(codecs.crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
    expect(codecs.crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43);
  });
});

describe('codecs', () => {
  it('are loaded once', async () => {
    expect(await loadCodecs()).toBe(codecs);
  });

  it('none answers the same bytes, up to the bound', () => {
    expect(codecs.compress('none', text)).toBe(text);
    expect(codecs.decompress('none', text, text.length)).toBe(text);
    expect(refusal(() => codecs.decompress('none', text, text.length - 1))).toBe('MESSAGE_TOO_LARGE');
  });

  it.each(names)('%s gives back what was compressed', (name) => {
    fc.assert(
      fc.property(anyContent, (content) => {
        const back = codecs.decompress(name, codecs.compress(name, content), content.length);
        expect(Buffer.compare(back, content)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it.each(names)('%s shrinks what repeats', (name) => {
    expect(codecs.compress(name, text).length).toBeLessThan(text.length / 10);
  });

  it.each(names)('%s gives up at the bound and not one byte before', (name) => {
    const compressed = codecs.compress(name, text);
    expect(codecs.decompress(name, compressed, text.length)).toHaveLength(text.length);
    expect(refusal(() => codecs.decompress(name, compressed, text.length - 1))).toBe('MESSAGE_TOO_LARGE');
    expect(refusal(() => codecs.decompress(name, compressed, 1))).toBe('MESSAGE_TOO_LARGE');
    expect(refusal(() => codecs.decompress(name, compressed, 0))).toBe('MESSAGE_TOO_LARGE');
  });

  it.each(names)('%s refuses what is cut off, at every byte', (name) => {
    const compressed = codecs.compress(name, Buffer.concat([noise(40_000, 1), text.subarray(0, 40_000)]));
    const places = [...Array(64).keys(), ...Array.from({ length: 200 }, (_, index) => index * 331)];
    for (const length of places.filter((place) => place < compressed.length)) {
      // Snappy frames carry no end mark: cut between two blocks, what is left is whole.
      const outcome = refusal(() => codecs.decompress(name, compressed.subarray(0, length), MIB));
      if (name !== 'snappy' || outcome !== undefined) expect(outcome).toBe('CORRUPT_MESSAGE');
    }
  });

  it.each(names)(
    '%s answers any damage with the content or a clear error, never more than the bound',
    (name) => {
      fc.assert(
        fc.property(
          anyContent,
          fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          (content, flips) => {
            const damaged = Uint8Array.from(codecs.compress(name, content));
            for (const [place, mask] of flips)
              damaged[place % damaged.length] = (damaged[place % damaged.length] ?? 0) ^ mask;
            const outcome = refusal(() => {
              expect(codecs.decompress(name, damaged, content.length).length).toBeLessThanOrEqual(
                content.length,
              );
            });
            expect([undefined, 'CORRUPT_MESSAGE', 'MESSAGE_TOO_LARGE']).toContain(outcome);
          },
        ),
        { numRuns: 150 },
      );
    },
  );

  it.each(names)('%s answers arbitrary bytes with a clear error', (name) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const outcome = refusal(() => codecs.decompress(name, bytes, MIB));
        expect([undefined, 'CORRUPT_MESSAGE', 'MESSAGE_TOO_LARGE']).toContain(outcome);
      }),
    );
  });
});

describe('gzip and zstd', () => {
  it('of several members or frames are read to the end', () => {
    const two = (compress: (bytes: Uint8Array) => Uint8Array): Uint8Array =>
      Buffer.concat([compress(Buffer.from('one ')), compress(Buffer.from('two'))]);
    expect(Buffer.from(codecs.decompress('gzip', two(gzipSync), 7)).toString()).toBe('one two');
    expect(Buffer.from(codecs.decompress('zstd', two(zstdCompressSync), 7)).toString()).toBe('one two');
    expect(refusal(() => codecs.decompress('zstd', two(zstdCompressSync), 6))).toBe('MESSAGE_TOO_LARGE');
  });

  it('followed by something else are refused', () => {
    for (const [name, compress] of [
      ['gzip', gzipSync],
      ['zstd', zstdCompressSync],
    ] as const) {
      const bytes = Buffer.concat([compress('one'), Buffer.from('else')]);
      expect(refusal(() => codecs.decompress(name, bytes, MIB))).toBe('CORRUPT_MESSAGE');
    }
  });
});

/** A gibibyte of zeros as each codec packs it; made without ever holding it. */
const bombs: Record<string, () => Uint8Array> = {
  gzip: () => Buffer.concat(Array<Uint8Array>(256).fill(gzipSync(new Uint8Array(4 * MIB)))),
  zstd: () => zstdCompressSync(new Uint8Array(256 * MIB)),
  'zstd, many frames': () =>
    Buffer.concat(Array<Uint8Array>(256).fill(zstdCompressSync(new Uint8Array(4 * MIB)))),
  lz4: () => {
    const mib = Buffer.from(codecs.compress('lz4', new Uint8Array(MIB)));
    const blocks = mib.subarray(7, -4);
    return Buffer.concat([mib.subarray(0, 7), ...Array<Uint8Array>(1024).fill(blocks), mib.subarray(-4)]);
  },
  snappy: () => {
    const mib = Buffer.from(codecs.compress('snappy', new Uint8Array(MIB)));
    return Buffer.concat([mib.subarray(0, 16), ...Array<Uint8Array>(1024).fill(mib.subarray(16))]);
  },
  'snappy, a lie': () => Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0x00),
  'snappy, one block': () => snappyCompress(new Uint8Array(64 * MIB)),
};

describe('a decompression bomb', () => {
  it.each(Object.entries(bombs))('of %s costs no more memory than the bound allows', (name, make) => {
    const codec = COMPRESSION_NAMES.find((known) => name.startsWith(known)) ?? 'none';
    const bomb = make();
    const before = process.memoryUsage().arrayBuffers;
    const code = refusal(() => codecs.decompress(codec, bomb, MIB));
    expect(code).toBe(name === 'snappy, a lie' ? 'CORRUPT_MESSAGE' : 'MESSAGE_TOO_LARGE');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MIB);
  });
});
