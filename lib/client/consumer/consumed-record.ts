import type { Codecs } from '../../record/codecs.ts';
import { decodeBatch } from '../../record/decode-batch.ts';
import { readBatchHeader } from '../../record/header.ts';

export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970; -1 if the producer gave none. */
  readonly timestampMs: number;
  /** A view of what was fetched, not to be written to, as `value` and the headers' values are. */
  readonly key: Buffer | null;
  /** `null`: a tombstone. */
  readonly value: Buffer | null;
  /** In order; a name may occur more than once. */
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
  /** 0 until the log is restored to an earlier time, and one more with every time. */
  readonly leaderEpoch: number;
}

/** The records of a batch from `from` on, control records left out. CORRUPT_MESSAGE names the place. */
export function recordsOf(
  codecs: Codecs,
  batch: Uint8Array,
  place: { readonly topic: string; readonly partition: number; readonly from: number },
): readonly ConsumedRecord[] {
  const { topic, partition, from } = place;
  const { leaderEpoch, isControl } = readBatchHeader(batch);
  if (isControl) return [];
  const records: ConsumedRecord[] = [];
  for (const { offset, timestampMs, key, value, headers } of decodeBatch(codecs, batch)) {
    if (offset < from) continue;
    records.push({
      topic,
      partition,
      offset,
      timestampMs,
      key: viewOf(key),
      value: viewOf(value),
      headers: headers.map((header) => ({ key: header.key, value: viewOf(header.value) })),
      leaderEpoch,
    });
  }
  return records;
}

const viewOf = (bytes: Uint8Array | null): Buffer | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
