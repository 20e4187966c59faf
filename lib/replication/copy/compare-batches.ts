import type { Codecs } from '../../record/codecs.ts';
import { decodeBatch } from '../../record/decode-batch.ts';
import type { BatchHeader } from '../../record/header.ts';
import type { StoredRecord } from '../../record/record.ts';
import type { CopiedBatch } from './read-source.ts';

/**
 * Why one batch cannot be a copy of the other, for people; undefined if it may be. Compaction may have taken records out of
 * either since: then those that both still have must be the same.
 */
export function differenceOf(codecs: Codecs, copy: CopiedBatch, source: CopiedBatch): string | undefined {
  const ours = copy.header;
  const theirs = source.header;
  const at = `At offset ${ours.baseOffset}`;
  if (theirs.baseOffset !== ours.baseOffset || theirs.lastOffsetDelta !== ours.lastOffsetDelta) {
    return `${at} the copy has a batch up to ${lastOf(ours)}, the source one from ${theirs.baseOffset} to ${lastOf(theirs)}`;
  }
  if (theirs.leaderEpoch !== ours.leaderEpoch) {
    return `${at} the copy is of epoch ${ours.leaderEpoch}, the source of epoch ${theirs.leaderEpoch}`;
  }
  if (theirs.crc === ours.crc) return undefined;
  const wasCompacted = !isWhole(ours) || !isWhole(theirs);
  const differs = differingOffset(
    decodeBatch(codecs, copy.bytes),
    decodeBatch(codecs, source.bytes),
    wasCompacted,
  );
  return differs === undefined ? undefined : `The record at offset ${differs} is another one in the source`;
}

/**
 * Whether one batch is surely a copy of the other. ⚑ Where compaction has left them no record in common nothing is known: any
 * two batches of one length would do.
 */
export function isSurelySame(codecs: Codecs, copy: CopiedBatch, source: CopiedBatch): boolean {
  if (differenceOf(codecs, copy, source) !== undefined) return false;
  if (copy.header.crc === source.header.crc) return true;
  const theirs = new Set(decodeBatch(codecs, source.bytes).map(({ offset }) => offset));
  return decodeBatch(codecs, copy.bytes).some(({ offset }) => theirs.has(offset));
}

const lastOf = ({ baseOffset, lastOffsetDelta }: BatchHeader): number => baseOffset + lastOffsetDelta;

const isWhole = ({ recordCount, lastOffsetDelta }: BatchHeader): boolean =>
  recordCount === lastOffsetDelta + 1;

function differingOffset(
  copy: readonly StoredRecord[],
  source: readonly StoredRecord[],
  mayMiss: boolean,
): number | undefined {
  const theirs = new Map(source.map((record) => [record.offset, record]));
  return copy.find((record) => {
    const other = theirs.get(record.offset);
    return other === undefined ? !mayMiss : !isSame(record, other);
  })?.offset;
}

function isSame(a: StoredRecord, b: StoredRecord): boolean {
  return (
    a.timestampMs === b.timestampMs &&
    isSameField(a.key, b.key) &&
    isSameField(a.value, b.value) &&
    a.headers.length === b.headers.length &&
    a.headers.every((header, i) => {
      const other = b.headers[i];
      return other !== undefined && header.key === other.key && isSameField(header.value, other.value);
    })
  );
}

function isSameField(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return Buffer.compare(a, b) === 0;
}
