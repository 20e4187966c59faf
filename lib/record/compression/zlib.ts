import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { corruptCompression, pastBound } from './refusals.ts';

/**
 * gzip (RFC 1952) and zstd (RFC 8878) by Node's own zlib, which stops at `maxOutputLength`. Decompression throws
 * CORRUPT_MESSAGE and MESSAGE_TOO_LARGE.
 */
export function gzip(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes);
}

export function gunzip(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const options = { maxOutputLength: Math.max(1, bytesMax), chunkSize: CHUNK_BYTES };
  return within(
    bytesMax,
    refusing('gzip', bytesMax, () => gunzipSync(bytes, options)),
  );
}

export function zstd(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes);
}

/** Frame by frame: a zstd stream may have several, and Node stops without a word after the first. */
export function unzstd(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const frames: Uint8Array[] = [];
  let at = 0;
  let outBytes = 0;
  do {
    const frame = refusing('zstd', bytesMax, () => unzstdFrame(bytes.subarray(at), bytesMax - outBytes));
    if (frame.consumedBytes <= 0) throw corruptCompression('a zstd frame takes no bytes');
    frames.push(frame.bytes);
    outBytes += frame.bytes.length;
    at += frame.consumedBytes;
  } while (at < bytes.length);
  const [only] = frames;
  return within(bytesMax, frames.length === 1 && only !== undefined ? only : Buffer.concat(frames));
}

/**
 * The same bytes as a plain array: a Buffer's `slice` means something else. Looks at the length again because Node
 * takes no bound of 0.
 */
function within(bytesMax: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length > bytesMax) throw pastBound(bytesMax);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

const CHUNK_BYTES = 65_536;

/** What Node answers with `info: true`; its types leave this out. */
interface ZlibResult {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

function unzstdFrame(
  bytes: Uint8Array,
  bytesMax: number,
): { readonly bytes: Uint8Array; readonly consumedBytes: number } {
  const options = { maxOutputLength: Math.max(1, bytesMax), chunkSize: CHUNK_BYTES, info: true };
  const result = zstdDecompressSync(bytes, options) as unknown as ZlibResult;
  return { bytes: result.buffer, consumedBytes: result.engine.bytesWritten };
}

function refusing<T>(name: string, bytesMax: number, decompress: () => T): T {
  try {
    return decompress();
  } catch (error) {
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw pastBound(bytesMax);
    }
    throw corruptCompression(`the records are not ${name}`, error);
  }
}
