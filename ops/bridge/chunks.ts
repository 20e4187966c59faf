import type { StoredRecord } from '../../lib/record/index.ts';

const CHUNK_BYTES = 786_432;
const CHUNK_RECORDS = 10_000;
/** Lengths and deltas of a record. */
const RECORD_OVERHEAD_BYTES = 24;

/** Cuts records into pieces that fit a batch of Kafka's default `max.message.bytes`; a larger record goes alone. */
export function chunksOf(records: readonly StoredRecord[]): StoredRecord[][] {
  const chunks: StoredRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const size = recordBytes(record);
    const chunk = chunks.at(-1);
    if (chunk === undefined || bytes + size > CHUNK_BYTES || chunk.length === CHUNK_RECORDS) {
      chunks.push([record]);
      bytes = size;
    } else {
      chunk.push(record);
      bytes += size;
    }
  }
  return chunks;
}

export function recordBytes({ key, value, headers }: StoredRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += 4 + header.key.length + (header.value?.length ?? 0);
  return bytes;
}
