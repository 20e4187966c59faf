import { type BatchHeader, readBatchHeader } from './header.ts';

export interface BatchIn {
  readonly header: BatchHeader;
  /** A view, not a copy. */
  readonly bytes: Uint8Array;
}

/**
 * The record batches that stand one after another in `bytes`, read as they are asked for. Throws CORRUPT_MESSAGE where
 * the bytes do not continue with a whole batch (and what `readBatchHeader` throws).
 */
export function* batchesIn(bytes: Uint8Array): Generator<BatchIn, void, undefined> {
  let at = 0;
  while (at < bytes.length) {
    const header = readBatchHeader(bytes, at);
    yield { header, bytes: bytes.subarray(at, at + header.batchBytes) };
    at += header.batchBytes;
  }
}
