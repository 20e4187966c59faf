import { isAllRead, isWithin, type OffsetRange } from '../../group/offsets/read-behind.ts';
import type { Codecs } from '../../record/codecs.ts';
import { decodeBatch } from '../../record/decode-batch.ts';
import { readBatchHeader } from '../../record/header.ts';

const NOTHING_READ: readonly OffsetRange[] = [];

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

export interface WantedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  /** Offsets of records that the group has read elsewhere. @default none */
  readonly read?: readonly OffsetRange[] | undefined;
}

/** The records of a batch from `from` on, control records and what has been read left out. CORRUPT_MESSAGE names the place. */
export function recordsOf(
  codecs: Codecs,
  batch: Uint8Array,
  { topic, partition, from, read = NOTHING_READ }: WantedRecords,
): readonly ConsumedRecord[] {
  const { leaderEpoch, isControl, baseOffset, lastOffsetDelta } = readBatchHeader(batch);
  const range = { from: Math.max(from, baseOffset), to: baseOffset + lastOffsetDelta + 1 };
  if (isControl || isAllRead(read, range)) return [];
  const records: ConsumedRecord[] = [];
  for (const { offset, timestampMs, key, value, headers } of decodeBatch(codecs, batch)) {
    if (offset < from || isWithin(read, offset)) continue;
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
