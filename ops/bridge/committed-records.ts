import type { RecordsBatch } from '@platformatic/kafka';
import type { StoredRecord } from '../../lib/record/index.ts';

/** What a broker answers of one partition, as far as it matters here. */
export interface FetchedPartition {
  readonly abortedTransactions: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
  readonly records?: readonly RecordsBatch[];
}

/** Records at or above the offset that was asked for, and where to go on. */
export interface CommittedRecords {
  readonly records: readonly StoredRecord[];
  readonly nextOffset: number;
}

const APPEND_TIME = 0b0000_1000;
const TRANSACTIONAL = 0b0001_0000;
const CONTROL = 0b0010_0000;
const ABORT_MARKER = 0;

/**
 * The records that a reader of committed records sees (Kafka's `read_committed`): none of an aborted transaction, and no
 * markers. The broker lists the aborted transactions that touch what it answers; one is over with its marker.
 */
export function committedRecords(fetched: FetchedPartition, fromOffset: number): CommittedRecords {
  const isAborted = abortedIn(fetched);
  const records: StoredRecord[] = [];
  let nextOffset = fromOffset;
  for (const batch of fetched.records ?? []) {
    if (!isAborted(batch) && (batch.attributes & CONTROL) === 0) {
      records.push(...recordsOf(batch).filter(({ offset }) => offset >= fromOffset));
    }
    nextOffset = Math.max(nextOffset, lastOffsetOf(batch) + 1);
  }
  return { records, nextOffset };
}

const lastOffsetOf = (batch: RecordsBatch): number => Number(batch.firstOffset) + batch.lastOffsetDelta;

/** Asked about every batch, in their order: whether it belongs to an aborted transaction. */
function abortedIn({ abortedTransactions }: FetchedPartition): (batch: RecordsBatch) => boolean {
  const waiting = [...abortedTransactions].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  const aborted = new Set<bigint>();
  return (batch) => {
    while (waiting[0] !== undefined && Number(waiting[0].firstOffset) <= lastOffsetOf(batch)) {
      aborted.add(waiting[0].producerId);
      waiting.shift();
    }
    if ((batch.attributes & CONTROL) !== 0 && isAbortMarker(batch)) aborted.delete(batch.producerId);
    return (batch.attributes & TRANSACTIONAL) !== 0 && aborted.has(batch.producerId);
  };
}

/** The key of a marker: int16 version, int16 type. */
function isAbortMarker({ records }: RecordsBatch): boolean {
  return records[0]?.key?.readInt16BE(2) === ABORT_MARKER;
}

function recordsOf(batch: RecordsBatch): StoredRecord[] {
  const isAppendTime = (batch.attributes & APPEND_TIME) !== 0;
  return batch.records.map((record) => ({
    offset: Number(batch.firstOffset) + record.offsetDelta,
    timestampMs: Number(isAppendTime ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta),
    key: record.key,
    value: record.value,
    headers: record.headers.map(([key, value]) => ({ key: key?.toString() ?? '', value })),
  }));
}
