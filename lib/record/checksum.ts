import { MillraceError } from '../errors.ts';
import { readUint32, writeInt32 } from './big-endian.ts';
import type { Codecs } from './codecs.ts';
import { AT } from './header.ts';

/** What a batch's checksum should be. `batch` is exactly one batch. */
export function batchCrc(codecs: Codecs, batch: Uint8Array): number {
  return codecs.crc32c(batch.subarray(AT.attributes));
}

/** Throws CORRUPT_MESSAGE if the bytes that the checksum covers are not those it was made from. */
export function verifyBatchCrc(codecs: Codecs, batch: Uint8Array): void {
  const stated = readUint32(batch, AT.crc);
  const actual = batchCrc(codecs, batch);
  if (stated !== actual) {
    throw new MillraceError(
      'CORRUPT_MESSAGE',
      `a batch states the checksum ${hex(stated)} and has ${hex(actual)}`,
    );
  }
}

/** Writes the checksum of what stands there now. */
export function sealBatch(codecs: Codecs, batch: Uint8Array): void {
  writeInt32(batch, AT.crc, batchCrc(codecs, batch));
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');
