import { createXXHash32 } from 'hash-wasm';
import { compressLz4Block, createLz4Table, type Lz4Sink, lz4BlockBytesMax } from './lz4-compress.ts';
import { decompressLz4Block, measureLz4Block } from './lz4-decompress.ts';
import { corruptCompression, pastBound } from './refusals.ts';

/**
 * LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md) as Kafka's Java client writes and reads them.
 * Little-endian.
 *
 *     04 22 4d 18   magic
 *     uint8         flags: bits 6–7 version (1) · 5 independent blocks, Java takes no others · 4 block checksums
 *                   · 3 content size · 2 content checksum · 1 reserved · 0 dictionary, Java takes none
 *     uint8         bits 4–6: the largest block, 4: 64 KiB, 5: 256 KiB, 6: 1 MiB, 7: 4 MiB
 *     uint64        content size                       if flagged
 *     uint8         second byte of the XXH32 of the above without the magic
 *     blocks        uint32 length, top bit set: stored as it is · the block · uint32 its XXH32 if flagged
 *     uint32        0, the end
 *     uint32        XXH32 of the content               if flagged
 */
export interface Lz4 {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws CORRUPT_MESSAGE, MESSAGE_TOO_LARGE. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array;
}

type Xxh32 = (bytes: Uint8Array) => number;

const MAGIC = 0x184d_2204;
const FLAG_VERSION_MASK = 0xc0;
const FLAG_VERSION = 0x40;
const FLAG_INDEPENDENT = 0x20;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_REFUSED = 0x03;
const STORED_BIT = 0x8000_0000;
/** Magic, flags and block size, their checksum. */
const FRAME_HEADER_BYTES = 7;
const BLOCK_64_KIB = 0x40;
const BLOCK_BYTES = 65_536;

export async function loadLz4(): Promise<Lz4> {
  const hasher = await createXXHash32(0);
  const xxh32: Xxh32 = (bytes) => Number.parseInt(hasher.init().update(bytes).digest('hex'), 16);
  const table = createLz4Table();
  return {
    compress: (bytes) => compressFrame(bytes, table, xxh32),
    decompress: (bytes, bytesMax) => decompressFrame(bytes, bytesMax, xxh32),
  };
}

function compressFrame(bytes: Uint8Array, table: Int32Array, xxh32: Xxh32): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const out = new Uint8Array(FRAME_HEADER_BYTES + 4 + lz4BlockBytesMax(bytes.length) + 20 * blocks);
  writeUint32(out, 0, MAGIC);
  out[4] = FLAG_VERSION | FLAG_INDEPENDENT;
  out[5] = BLOCK_64_KIB;
  out[6] = xxh32(out.subarray(4, 6)) >>> 8;
  const sink: Lz4Sink = { out, at: FRAME_HEADER_BYTES };
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    writeBlock(sink, bytes.subarray(at, at + BLOCK_BYTES), table);
  }
  writeUint32(out, sink.at, 0);
  return out.slice(0, sink.at + 4);
}

/** A block that does not shrink is stored as it is. */
function writeBlock(sink: Lz4Sink, block: Uint8Array, table: Int32Array): void {
  const lengthAt = sink.at;
  const blockAt = lengthAt + 4;
  sink.at = blockAt;
  compressLz4Block(block, table, sink);
  const compressedBytes = sink.at - blockAt;
  if (compressedBytes < block.length) {
    writeUint32(sink.out, lengthAt, compressedBytes);
    return;
  }
  writeUint32(sink.out, lengthAt, (block.length | STORED_BIT) >>> 0);
  sink.out.set(block, blockAt);
  sink.at = blockAt + block.length;
}

interface FrameHeader {
  readonly flags: number;
  readonly blockBytesMax: number;
  /** -1 if the frame does not state it. */
  readonly contentBytes: number;
  readonly bodyAt: number;
}

interface Block {
  readonly bytes: Uint8Array;
  readonly isStored: boolean;
  readonly decompressedBytes: number;
}

function decompressFrame(bytes: Uint8Array, bytesMax: number, xxh32: Xxh32): Uint8Array {
  const header = readFrameHeader(bytes, xxh32);
  const { blocks, outBytes, contentChecksum } = readBlocks(bytes, header, bytesMax, xxh32);
  if (header.contentBytes >= 0 && header.contentBytes !== outBytes) {
    throw corruptCompression(`an LZ4 frame states ${header.contentBytes} bytes and has ${outBytes}`);
  }
  const out = new Uint8Array(outBytes);
  let place = 0;
  for (const block of blocks) {
    if (block.isStored) out.set(block.bytes, place);
    else decompressLz4Block(block.bytes, out, place);
    place += block.decompressedBytes;
  }
  if (contentChecksum !== undefined && contentChecksum !== xxh32(out)) {
    throw corruptCompression('the content of an LZ4 frame does not match its checksum');
  }
  return out;
}

function readFrameHeader(bytes: Uint8Array, xxh32: Xxh32): FrameHeader {
  if (bytes.length < FRAME_HEADER_BYTES || readUint32(bytes, 0) !== MAGIC) {
    throw corruptCompression('the records are not an LZ4 frame');
  }
  const flags = bytes[4] ?? 0;
  if ((flags & FLAG_VERSION_MASK) !== FLAG_VERSION || (flags & FLAG_REFUSED) !== 0) {
    throw corruptCompression(`LZ4 frame flags ${flags} are not supported`);
  }
  if ((flags & FLAG_INDEPENDENT) === 0)
    throw corruptCompression('the blocks of an LZ4 frame depend on each other');
  const hasContentSize = (flags & FLAG_CONTENT_SIZE) !== 0;
  const checksumAt = hasContentSize ? 14 : 6;
  const checksum = bytes[checksumAt];
  if (checksum === undefined) throw corruptCompression('an LZ4 frame is cut off');
  if (checksum !== ((xxh32(bytes.subarray(4, checksumAt)) >>> 8) & 0xff)) {
    throw corruptCompression('the header of an LZ4 frame does not match its checksum');
  }
  return {
    flags,
    blockBytesMax: blockBytesMaxOf(bytes[5] ?? 0),
    contentBytes: hasContentSize ? readUint32(bytes, 6) + readUint32(bytes, 10) * 0x1_0000_0000 : -1,
    bodyAt: checksumAt + 1,
  };
}

function blockBytesMaxOf(descriptor: number): number {
  const size = descriptor >> 4;
  if ((descriptor & 0x8f) !== 0 || size < 4)
    throw corruptCompression(`LZ4 block size ${descriptor} is unknown`);
  return 1 << (8 + 2 * size);
}

interface Body {
  readonly blocks: readonly Block[];
  readonly outBytes: number;
  readonly contentChecksum: number | undefined;
}

/** Finds all blocks and what they give, before room for any of it is made. */
function readBlocks(bytes: Uint8Array, header: FrameHeader, bytesMax: number, xxh32: Xxh32): Body {
  const checksumBytes = (header.flags & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : 4;
  const blocks: Block[] = [];
  let outBytes = 0;
  let at = header.bodyAt;
  for (;;) {
    const word = uint32At(bytes, at);
    at += 4;
    if (word === 0) break;
    const blockEnd = at + (word & ~STORED_BIT);
    if (blockEnd + checksumBytes > bytes.length) throw corruptCompression('an LZ4 frame is cut off');
    const block = bytes.subarray(at, blockEnd);
    if (checksumBytes > 0 && uint32At(bytes, blockEnd) !== xxh32(block)) {
      throw corruptCompression('an LZ4 block does not match its checksum');
    }
    const measured = measureBlock(block, word, header.blockBytesMax);
    blocks.push(measured);
    outBytes += measured.decompressedBytes;
    if (outBytes > bytesMax) throw pastBound(bytesMax);
    at = blockEnd + checksumBytes;
  }
  const hasContentChecksum = (header.flags & FLAG_CONTENT_CHECKSUM) !== 0;
  const contentChecksum = hasContentChecksum ? uint32At(bytes, at) : undefined;
  const end = hasContentChecksum ? at + 4 : at;
  if (end !== bytes.length) throw corruptCompression('bytes follow the end of an LZ4 frame');
  return { blocks, outBytes, contentChecksum };
}

function measureBlock(bytes: Uint8Array, word: number, blockBytesMax: number): Block {
  const isStored = word >= STORED_BIT;
  const decompressedBytes = isStored ? bytes.length : measureLz4Block(bytes);
  if (decompressedBytes > blockBytesMax) {
    throw corruptCompression(
      `an LZ4 block of ${decompressedBytes} bytes passes its frame's ${blockBytesMax}`,
    );
  }
  return { bytes, isStored, decompressedBytes };
}

function uint32At(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw corruptCompression('an LZ4 frame is cut off');
  return readUint32(bytes, at);
}

const readUint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)) >>>
  0;

function writeUint32(out: Uint8Array, at: number, value: number): void {
  out[at] = value;
  out[at + 1] = value >> 8;
  out[at + 2] = value >> 16;
  out[at + 3] = value >> 24;
}
