import type { RecordsBatch } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { committedRecords } from '../../../ops/bridge/committed-records.ts';

const TRANSACTIONAL = 0b0001_0000;
const CONTROL = 0b0011_0000;
const APPEND_TIME = 0b0000_1000;

interface Batch {
  readonly at: number;
  readonly count?: number;
  readonly producer?: bigint;
  readonly attributes?: number;
  readonly marker?: 'abort' | 'commit';
}

function batch({ at, count = 2, producer = -1n, attributes = 0, marker }: Batch): RecordsBatch {
  const key = marker === undefined ? Buffer.from('k') : Buffer.from([0, 0, 0, marker === 'abort' ? 0 : 1]);
  const length = marker === undefined ? count : 1;
  const records = Array.from({ length }, (_, offsetDelta) => ({
    length: 0,
    attributes: 0,
    timestampDelta: BigInt(offsetDelta),
    offsetDelta,
    key,
    value: Buffer.from('v'),
    headers: [],
  }));
  return {
    firstOffset: BigInt(at),
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes: marker === undefined ? attributes : CONTROL,
    lastOffsetDelta: length - 1,
    firstTimestamp: 100n,
    maxTimestamp: 900n,
    producerId: producer,
    producerEpoch: 0,
    firstSequence: 0,
    records,
  };
}

const inTransaction = (at: number, producer: bigint): RecordsBatch =>
  batch({ at, producer, attributes: TRANSACTIONAL });

const offsets = (records: RecordsBatch[], aborted: [bigint, number][], from = 0): number[] =>
  committedRecords(
    {
      records,
      abortedTransactions: aborted.map(([producerId, at]) => ({ producerId, firstOffset: BigInt(at) })),
    },
    from,
  ).records.map(({ offset }) => offset);

describe('committed records of a fetch', () => {
  it('two aborted transactions of one producer are left out, and a committed one between them is not', () => {
    const records = [
      inTransaction(0, 7n),
      batch({ at: 2, producer: 7n, marker: 'abort' }),
      inTransaction(3, 7n),
      batch({ at: 5, producer: 7n, marker: 'commit' }),
      inTransaction(6, 7n),
      batch({ at: 8, producer: 7n, marker: 'abort' }),
      inTransaction(9, 7n),
    ];
    expect(
      offsets(records, [
        [7n, 6],
        [7n, 0],
      ]),
    ).toEqual([3, 4, 9, 10]);
  });

  it('an aborted transaction whose marker lies behind the fetch is left out', () => {
    expect(offsets([batch({ at: 0 }), inTransaction(2, 7n), inTransaction(4, 8n)], [[7n, 2]])).toEqual([
      0, 1, 4, 5,
    ]);
  });

  it('one that began before the fetch is left out', () => {
    expect(
      offsets([inTransaction(10, 7n), batch({ at: 12, producer: 7n, marker: 'abort' })], [[7n, 3]], 10),
    ).toEqual([]);
  });

  it('goes on behind markers, and behind batches that compaction has emptied', () => {
    const emptied = { ...batch({ at: 4 }), records: [] };
    const fetched = {
      abortedTransactions: [],
      records: [batch({ at: 3, producer: 7n, marker: 'commit' }), emptied],
    };
    expect(committedRecords(fetched, 3)).toEqual({ records: [], nextOffset: 6 });
    expect(committedRecords({ abortedTransactions: [] }, 3)).toEqual({ records: [], nextOffset: 3 });
  });

  it('begins in the middle of a batch', () => {
    expect(offsets([batch({ at: 0, count: 5 })], [], 3)).toEqual([3, 4]);
  });

  it('where the log stamps records, all of a batch have its time', () => {
    const times = (attributes: number): number[] =>
      committedRecords({ abortedTransactions: [], records: [batch({ at: 0, attributes })] }, 0).records.map(
        ({ timestampMs }) => timestampMs,
      );
    expect(times(0)).toEqual([100, 101]);
    expect(times(APPEND_TIME)).toEqual([900, 900]);
  });
});
