/** Kafka's record batch format v2: pure, and synchronous once `loadCodecs` has answered. */
export { setAppendTime } from './append-time.ts';
export { type BatchIn, batchesIn } from './batches-in.ts';
export { checkProduced, type ProduceRules } from './check-produced.ts';
export { verifyBatchCrc } from './checksum.ts';
export { type Codecs, loadCodecs } from './codecs.ts';
export type { CompressionName } from './compression/names.ts';
export { decodeBatch } from './decode-batch.ts';
export { type EncodeOptions, encodeBatch } from './encode-batch.ts';
export { type BatchHeader, HEADER_BYTES, patchBaseOffset, readBatchHeader } from './header.ts';
export { recompress } from './recompress.ts';
export type { NewRecord, RecordHeader, StoredRecord } from './record.ts';
