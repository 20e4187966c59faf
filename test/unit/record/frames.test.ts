import { createXXHash32 } from 'hash-wasm';
import { snappyCompress } from 'hysnappy';
import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../../lib/record/index.ts';
import { refusal } from './support.ts';

const codecs = await loadCodecs();
const hasher = await createXXHash32(0);
const xxh32 = (bytes: Uint8Array): number => Number.parseInt(hasher.init().update(bytes).digest('hex'), 16);
const BOUND = 1_048_576;
const text = Buffer.from(
  'the quick brown fox jumps over the lazy dog, the quick brown fox jumps over the lazy dog',
);

const uint32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0);
  return out;
};

interface Frame {
  readonly flags: number;
  readonly blockSize?: number;
  readonly contentSize?: bigint;
  readonly blocks: readonly {
    readonly word: number;
    readonly bytes: Uint8Array;
    readonly checksum?: number;
  }[];
  readonly tail?: Uint8Array;
}

/** An LZ4 frame with every part of it in the test's hands. */
function frame(parts: Frame): Uint8Array {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(parts.contentSize ?? 0n);
  const descriptor = Buffer.concat([
    Uint8Array.of(parts.flags, parts.blockSize ?? 0x40),
    ...(parts.contentSize === undefined ? [] : [size]),
  ]);
  return Buffer.concat([
    Uint8Array.of(0x04, 0x22, 0x4d, 0x18),
    descriptor,
    Uint8Array.of((xxh32(descriptor) >>> 8) & 0xff),
    ...parts.blocks.flatMap((block) => [
      uint32(block.word),
      block.bytes,
      ...(block.checksum === undefined ? [] : [uint32(block.checksum)]),
    ]),
    uint32(0),
    parts.tail ?? Buffer.alloc(0),
  ]);
}

const storedBlock = (bytes: Uint8Array): { word: number; bytes: Uint8Array } => ({
  word: bytes.length | 0x8000_0000,
  bytes,
});
const packed = (...bytes: number[]): { word: number; bytes: Uint8Array } => ({
  word: bytes.length,
  bytes: Uint8Array.from(bytes),
});
const lz4 = (parts: Frame): string => Buffer.from(codecs.decompress('lz4', frame(parts), BOUND)).toString();
const INDEPENDENT = 0x60;

describe('LZ4 frames', () => {
  it('begin as those of the Java client do', () => {
    expect(Buffer.from(codecs.compress('lz4', text)).subarray(0, 7).toString('hex')).toBe('04224d18604082');
  });

  it('carry stored and packed blocks', () => {
    const repeat = packed(0x13, 0x61, 0x01, 0x00, 0x50, 0x62, 0x62, 0x62, 0x62, 0x62);
    expect(lz4({ flags: INDEPENDENT, blocks: [storedBlock(text), repeat] })).toBe(
      `${text}${'a'.repeat(8)}bbbbb`,
    );
  });

  it('may be empty', () => {
    expect(lz4({ flags: INDEPENDENT, blocks: [] })).toBe('');
    expect(lz4({ flags: INDEPENDENT, blocks: [packed(0x00)] })).toBe('');
  });

  it('with a content size, block checksums and a content checksum are read', () => {
    const checked = { ...storedBlock(text), checksum: xxh32(text) };
    const flags = INDEPENDENT | 0x1c;
    const parts = { flags, contentSize: BigInt(text.length), blocks: [checked], tail: uint32(xxh32(text)) };
    expect(lz4(parts)).toBe(text.toString());
  });

  const refused: Record<string, () => Uint8Array> = {
    'depending blocks, as Java refuses them': () => frame({ flags: 0x40, blocks: [storedBlock(text)] }),
    'a dictionary': () => frame({ flags: 0x61, blocks: [storedBlock(text)] }),
    'a reserved flag': () => frame({ flags: 0x62, blocks: [storedBlock(text)] }),
    'another version': () => frame({ flags: 0xa0, blocks: [storedBlock(text)] }),
    'an unknown block size': () =>
      frame({ flags: INDEPENDENT, blockSize: 0x30, blocks: [storedBlock(text)] }),
    'a reserved bit in the block size': () => frame({ flags: INDEPENDENT, blockSize: 0x41, blocks: [] }),
    'a wrong header checksum': () => {
      const bytes = Uint8Array.from(frame({ flags: INDEPENDENT, blocks: [storedBlock(text)] }));
      bytes[6] = (bytes[6] ?? 0) ^ 1;
      return bytes;
    },
    'a wrong block checksum': () =>
      frame({ flags: INDEPENDENT | 0x10, blocks: [{ ...storedBlock(text), checksum: 1 }] }),
    'a wrong content checksum': () =>
      frame({ flags: INDEPENDENT | 0x04, blocks: [storedBlock(text)], tail: uint32(1) }),
    'no content checksum where one is stated': () =>
      frame({ flags: INDEPENDENT | 0x04, blocks: [storedBlock(text)] }),
    'a content size that is not so': () =>
      frame({ flags: INDEPENDENT | 0x08, contentSize: 2n ** 63n, blocks: [storedBlock(text)] }),
    'a block larger than its frame allows': () =>
      frame({ flags: INDEPENDENT, blocks: [storedBlock(new Uint8Array(65_537))] }),
    'bytes after the end': () => frame({ flags: INDEPENDENT, blocks: [], tail: Uint8Array.of(1) }),
    'a match before the block': () =>
      frame({ flags: INDEPENDENT, blocks: [storedBlock(text), packed(0x13, 0x61, 0x02, 0x00, 0x00)] }),
    'a match at distance 0': () =>
      frame({ flags: INDEPENDENT, blocks: [packed(0x13, 0x61, 0x00, 0x00, 0x00)] }),
    'a block that ends with a match': () =>
      frame({ flags: INDEPENDENT, blocks: [packed(0x13, 0x61, 0x01, 0x00)] }),
    'a block that ends inside a length': () => frame({ flags: INDEPENDENT, blocks: [packed(0xf0, 0xff)] }),
    'a block with fewer literals than stated': () =>
      frame({ flags: INDEPENDENT, blocks: [packed(0x50, 0x61)] }),
    'no magic': () => Uint8Array.from({ length: 32 }, () => 7),
  };

  it.each(Object.entries(refused))('with %s are refused', (_, make) => {
    expect(refusal(() => codecs.decompress('lz4', make(), BOUND))).toBe('CORRUPT_MESSAGE');
  });
});

describe('snappy', () => {
  const raw = snappyCompress(text);
  const xerial = codecs.compress('snappy', text);

  it('is written in the framing of the Java client', () => {
    expect(Buffer.from(xerial).subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001');
  });

  it('is read as one bare block too', () => {
    expect(Buffer.from(codecs.decompress('snappy', raw, text.length))).toEqual(text);
  });

  it('of nothing is read both ways', () => {
    expect(codecs.decompress('snappy', Uint8Array.of(0), 0)).toHaveLength(0);
    expect(codecs.decompress('snappy', codecs.compress('snappy', new Uint8Array()), 0)).toHaveLength(0);
  });

  it.each([
    ['nothing at all', new Uint8Array()],
    ['a frame of version 0', Buffer.concat([xerial.subarray(0, 8), Buffer.alloc(4), xerial.subarray(12)])],
    ['a block of negative length', Buffer.concat([xerial.subarray(0, 16), Buffer.alloc(4, 0xff)])],
    ['half a block length', Buffer.concat([xerial, Buffer.alloc(2)])],
    ['a block longer than the rest', Buffer.concat([xerial, Buffer.from([0, 0, 0, 9, 1])])],
    ['an empty block', Buffer.concat([xerial, Buffer.alloc(4)])],
    ['a length that never ends', Buffer.alloc(20, 0xff)],
    ['a stated length it cannot reach', Buffer.concat([Uint8Array.of(text.length + 1), raw.subarray(1)])],
    ['a stated length it passes', Buffer.concat([Uint8Array.of(text.length - 1), raw.subarray(1)])],
    ['a copy from before the start', Uint8Array.of(40, (39 << 2) | 2, 0xff, 0x10)],
  ])('with %s is refused', (_, bytes) => {
    expect(refusal(() => codecs.decompress('snappy', bytes, BOUND))).toBe('CORRUPT_MESSAGE');
  });
});
