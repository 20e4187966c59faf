import { snappyCompressor, snappyUncompressor } from 'hysnappy';
import { readInt32, writeInt32 } from '../big-endian.ts';
import { corruptCompression, pastBound } from './refusals.ts';

/**
 * Snappy blocks (https://github.com/google/snappy/blob/main/format_description.txt) in the framing of xerial's Java
 * library, which Kafka's clients use:
 *
 *     82 53 4e 41 50 50 59 00   magic
 *     int32  version, 1
 *     int32  oldest version that reads this, 1
 *     blocks: int32 length, one snappy block (a varint of the decompressed length comes first)
 *
 * Some clients send one bare block instead; it is read as well.
 */
export interface Snappy {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws CORRUPT_MESSAGE, MESSAGE_TOO_LARGE. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array;
}

const MAGIC: readonly number[] = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const FRAME_HEADER_BYTES = 16;
const VERSION = 1;
/** What xerial's stream compresses at a time. */
const BLOCK_BYTES = 32_768;

interface Block {
  readonly bytes: Uint8Array;
  readonly decompressedBytes: number;
}

/** Compiles the WebAssembly once; its memory is used again by every call and never leaves this closure. */
export function createSnappy(): Snappy {
  const compressBlock = snappyCompressor();
  const decompressBlock = snappyUncompressor();

  const compress = (bytes: Uint8Array): Uint8Array => {
    const blocks: Uint8Array[] = [];
    let outBytes = FRAME_HEADER_BYTES;
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
      const block = compressBlock(bytes.subarray(at, at + BLOCK_BYTES));
      blocks.push(block);
      outBytes += 4 + block.length;
    }
    return frame(blocks, outBytes);
  };

  const inflate = (block: Block): Uint8Array => {
    try {
      return decompressBlock(block.bytes, block.decompressedBytes);
    } catch (error) {
      throw corruptCompression('the records are not snappy', error);
    }
  };

  const decompress = (bytes: Uint8Array, bytesMax: number): Uint8Array => {
    const blocks = isFramed(bytes) ? framedBlocks(bytes) : [blockOf(bytes)];
    const outBytes = blocks.reduce((sum, block) => sum + block.decompressedBytes, 0);
    if (outBytes > bytesMax) throw pastBound(bytesMax);
    const [only] = blocks;
    if (blocks.length === 1 && only !== undefined) return inflate(only);
    const out = new Uint8Array(outBytes);
    let at = 0;
    for (const block of blocks) {
      out.set(inflate(block), at);
      at += block.decompressedBytes;
    }
    return out;
  };

  return { compress, decompress };
}

function frame(blocks: readonly Uint8Array[], outBytes: number): Uint8Array {
  const out = new Uint8Array(outBytes);
  out.set(MAGIC);
  writeInt32(out, MAGIC.length, VERSION);
  writeInt32(out, MAGIC.length + 4, VERSION);
  let at = FRAME_HEADER_BYTES;
  for (const block of blocks) {
    writeInt32(out, at, block.length);
    out.set(block, at + 4);
    at += 4 + block.length;
  }
  return out;
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= FRAME_HEADER_BYTES && MAGIC.every((byte, index) => bytes[index] === byte);
}

function framedBlocks(bytes: Uint8Array): Block[] {
  if (readInt32(bytes, MAGIC.length) < VERSION)
    throw corruptCompression('an unknown version of snappy framing');
  const blocks: Block[] = [];
  let at = FRAME_HEADER_BYTES;
  while (at < bytes.length) {
    const length = at + 4 <= bytes.length ? readInt32(bytes, at) : -1;
    at += 4;
    if (length < 0 || length > bytes.length - at) throw corruptCompression('a snappy block is cut off');
    blocks.push(blockOf(bytes.subarray(at, at + length)));
    at += length;
  }
  return blocks;
}

/**
 * Reads the stated length, which the decompressor allocates by. A block cannot grow more than a copy element can: 64
 * bytes out of 3; a larger statement is a lie.
 */
function blockOf(bytes: Uint8Array): Block {
  const decompressedBytes = statedBytes(bytes);
  if (decompressedBytes > bytes.length * 22) {
    throw corruptCompression(`${bytes.length} bytes of snappy state ${decompressedBytes}`);
  }
  return { bytes, decompressedBytes };
}

function statedBytes(bytes: Uint8Array): number {
  let length = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[index];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return length;
  }
  throw corruptCompression('a snappy block states no length');
}
