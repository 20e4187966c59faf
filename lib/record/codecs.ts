import { createCRC32 } from 'hash-wasm';
import { unreachable } from '../errors.ts';
import { loadLz4 } from './compression/lz4-frame.ts';
import type { CompressionName } from './compression/names.ts';
import { pastBound } from './compression/refusals.ts';
import { createSnappy } from './compression/snappy.ts';
import { gunzip, gzip, unzstd, zstd } from './compression/zlib.ts';

/** Checksums and compression, synchronous once loaded. Not for sharing between threads. */
export interface Codecs {
  /** CRC-32C (Castagnoli), unsigned. */
  crc32c(bytes: Uint8Array): number;
  /** `none` answers the same bytes. */
  compress(name: CompressionName, bytes: Uint8Array): Uint8Array;
  /**
   * Never makes room for more than `bytesMax`. `none` answers the same bytes. Throws CORRUPT_MESSAGE, and
   * MESSAGE_TOO_LARGE where the bytes decompress to more.
   */
  decompress(name: CompressionName, bytes: Uint8Array, bytesMax: number): Uint8Array;
}

/** The polynomial of CRC-32C, bits reversed. */
const CASTAGNOLI = 0x82f6_3b78;

let loaded: Promise<Codecs> | undefined;

/** Compiles the WebAssembly parts on the first call; later calls answer the same codecs. */
export function loadCodecs(): Promise<Codecs> {
  loaded ??= createCodecs();
  return loaded;
}

async function createCodecs(): Promise<Codecs> {
  const hasher = await createCRC32(CASTAGNOLI);
  const lz4 = await loadLz4();
  const snappy = createSnappy();

  const compress = (name: CompressionName, bytes: Uint8Array): Uint8Array => {
    switch (name) {
      case 'none':
        return bytes;
      case 'gzip':
        return gzip(bytes);
      case 'snappy':
        return snappy.compress(bytes);
      case 'lz4':
        return lz4.compress(bytes);
      case 'zstd':
        return zstd(bytes);
      default:
        return unreachable(name);
    }
  };

  const decompress = (name: CompressionName, bytes: Uint8Array, bytesMax: number): Uint8Array => {
    switch (name) {
      case 'none':
        if (bytes.length > bytesMax) throw pastBound(bytesMax);
        return bytes;
      case 'gzip':
        return gunzip(bytes, bytesMax);
      case 'snappy':
        return snappy.decompress(bytes, bytesMax);
      case 'lz4':
        return lz4.decompress(bytes, bytesMax);
      case 'zstd':
        return unzstd(bytes, bytesMax);
      default:
        return unreachable(name);
    }
  };

  return {
    // One hasher serves every call: nothing is awaited between its three steps.
    crc32c: (bytes) => crcNumber(hasher.init().update(bytes).digest('binary')),
    compress,
    decompress,
  };
}

const crcNumber = (digest: Uint8Array): number =>
  (((digest[0] ?? 0) << 24) | ((digest[1] ?? 0) << 16) | ((digest[2] ?? 0) << 8) | (digest[3] ?? 0)) >>> 0;
