import { sealBatch } from './checksum.ts';
import type { Codecs } from './codecs.ts';
import type { CompressionName } from './compression/names.ts';
import { openSection } from './decode-batch.ts';
import { withSection } from './encode-batch.ts';
import { HEADER_BYTES, readBatchHeader, writeBatchHeader } from './header.ts';

/**
 * The batch with its records compressed by another codec (topic config `compression.type`); the same batch if it has
 * that codec already. Records and every header field but length, codec and checksum stay as they are. Throws what
 * `decodeBatch` throws.
 */
export function recompress(codecs: Codecs, batch: Uint8Array, compression: CompressionName): Uint8Array {
  const header = readBatchHeader(batch);
  if (header.compression === compression || header.batchBytes === HEADER_BYTES) return batch;
  const section = openSection(codecs, batch, header);
  const out = withSection(codecs.compress(compression, section));
  writeBatchHeader(out, { ...header, compression, batchBytes: out.length });
  sealBatch(codecs, out);
  return out;
}
