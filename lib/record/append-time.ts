import { readInt16, writeInt16, writeInt64 } from './big-endian.ts';
import { sealBatch } from './checksum.ts';
import type { Codecs } from './codecs.ts';
import { APPEND_TIME_BIT, AT } from './header.ts';

/**
 * Stamps a batch with the log's time, in place (topic config `message.timestamp.type=LogAppendTime`): every record then
 * has this timestamp. The records stay compressed as they are; the checksum is made anew.
 */
export function setAppendTime(codecs: Codecs, batch: Uint8Array, timestampMs: number): void {
  writeInt16(batch, AT.attributes, readInt16(batch, AT.attributes) | APPEND_TIME_BIT);
  setMaxTimestamp(codecs, batch, timestampMs);
}

/** Writes the largest timestamp and a new checksum, in place. */
export function setMaxTimestamp(codecs: Codecs, batch: Uint8Array, timestampMs: number): void {
  writeInt64(batch, AT.maxTimestamp, timestampMs);
  sealBatch(codecs, batch);
}
