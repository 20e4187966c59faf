import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../../../lib/push/batch-answer.ts';
import { deadLetter, unreadableLetter } from '../../../lib/push/dead-letter.ts';
import { callBytesOf, countForCall, kafkaEvent, type PushRecord } from '../../../lib/push/kafka-event.ts';
import { encodeNote, parseNote } from '../../../lib/push/progress-note.ts';
import type { StoredRecord } from '../../../lib/record/index.ts';

const PLACE = { topic: 'orders', partition: 3 };
const recordOf = (offset: number, more: Partial<StoredRecord> = {}): PushRecord => {
  const record = {
    offset,
    timestampMs: 1_700_000_000_000,
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: [],
    ...more,
  };
  return { ...record, timestampType: 'create', callBytes: callBytesOf('orders', record) };
};

describe('the event that a function is called with', () => {
  it('has the shape of Lambda’s own for self-managed Kafka', () => {
    const headers = [
      { key: 'a', value: Uint8Array.of(104, 255) },
      { key: 'b', value: null },
    ];
    expect(kafkaEvent(PLACE, [recordOf(7, { headers }), recordOf(9, { key: null, value: null })])).toEqual({
      eventSource: 'SelfManagedKafka',
      bootstrapServers: expect.any(String),
      records: {
        'orders-3': [
          {
            topic: 'orders',
            partition: 3,
            offset: 7,
            timestamp: 1_700_000_000_000,
            timestampType: 'CREATE_TIME',
            key: 'aw==',
            value: 'dg==',
            headers: [{ a: [104, -1] }, { b: null }],
          },
          expect.not.objectContaining({ key: expect.anything(), value: expect.anything() }),
        ],
      },
    });
  });

  it.each([
    recordOf(1, { value: Buffer.alloc(10_000, 0xff) }),
    recordOf(2 ** 52, { key: null, value: null }),
    recordOf(3, { headers: [{ key: '"\u0001', value: Buffer.alloc(500, 0x80) }] }),
    recordOf(4, { headers: Array.from({ length: 50 }, () => ({ key: '', value: new Uint8Array() })) }),
  ])('is never larger than what its records are counted with', (record) => {
    const { records } = kafkaEvent(PLACE, [record]);
    expect(Buffer.byteLength(JSON.stringify(records['orders-3']))).toBeLessThanOrEqual(record.callBytes + 2);
  });

  it('takes as many records as both bounds let in, and always one', () => {
    const records = Array.from({ length: 10 }, (_, index) => recordOf(index));
    const each = records[0]?.callBytes ?? 0;
    expect(countForCall(records, { batchSize: 4, batchBytes: 1_000_000 })).toBe(4);
    expect(countForCall(records, { batchSize: 100, batchBytes: each * 3 })).toBe(3);
    expect(countForCall(records, { batchSize: 100, batchBytes: 1 })).toBe(1);
    expect(countForCall([], { batchSize: 100, batchBytes: 1 })).toBe(0);
  });
});

describe('the answer of a function', () => {
  const offsets = [10, 12, 13];
  it.each([undefined, null, 'done', 7, {}, { batchItemFailures: null }, { batchItemFailures: [] }])(
    '%j: everything was taken',
    (answer) => {
      expect(outcomeOf(answer, PLACE, offsets)).toEqual({ kind: 'delivered' });
    },
  );

  it.each([
    [[{ itemIdentifier: '12' }], 1],
    [[{ itemIdentifier: 13 }, { itemIdentifier: 10 }], 0],
    [[{ itemIdentifier: { partition: 'orders-3', offset: 13 } }], 2],
    [[{ itemIdentifier: { partition: 3, offset: '12' } }], 1],
    [[{ itemIdentifier: { offset: 12 } }], 1],
  ])('%j: everything before was taken', (batchItemFailures, index) => {
    expect(outcomeOf({ batchItemFailures }, PLACE, offsets)).toMatchObject({ kind: 'stoppedAt', index });
  });

  it.each([
    'all',
    [{}],
    [null],
    [{ itemIdentifier: '' }],
    [{ itemIdentifier: null }],
    [{ itemIdentifier: '11' }],
    [{ itemIdentifier: 12.5 }],
    [{ itemIdentifier: { partition: 'orders-4', offset: 12 } }],
    [{ itemIdentifier: '12' }, { id: 'bad' }],
  ])('%j names none of the records: nothing was taken', (batchItemFailures) => {
    expect(outcomeOf({ batchItemFailures }, PLACE, offsets)).toMatchObject({
      kind: 'failed',
      error: { type: 'InvalidBatchResponse' },
    });
  });
});

describe('a dead letter', () => {
  const origin = { group: 'g', functionArn: 'arn', nowMs: 5 };
  const error = { type: 'TypeError', message: 'x'.repeat(5_000) };

  it('tells what, why, and the records themselves', () => {
    const records = [recordOf(4), recordOf(6)];
    const letter = JSON.parse(
      deadLetter(origin, { ...PLACE, records, reason: 'retries', failures: 3, error }),
    );
    expect(letter).toEqual({
      format: 1,
      group: 'g',
      functionArn: 'arn',
      ...PLACE,
      timeMs: 5,
      firstOffset: 4,
      lastOffset: 6,
      recordCount: 2,
      reason: 'retries',
      failures: 3,
      error: { type: 'TypeError', message: 'x'.repeat(2_000) },
      records: [
        expect.objectContaining({ offset: 4 }),
        expect.objectContaining({ offset: 6, value: 'dg==' }),
      ],
    });
  });

  it('leaves out records that do not fit into a message', () => {
    const records = [recordOf(4, { value: Buffer.alloc(200_000, 1) })];
    const text = deadLetter(origin, { ...PLACE, records, reason: 'size', failures: 0 });
    expect(Buffer.byteLength(text)).toBeLessThan(1_000);
    expect(JSON.parse(text)).not.toHaveProperty('records');
  });

  it('never grows beyond what a queue takes', () => {
    for (const bytes of [185_000, 190_000, 195_000]) {
      const records = [recordOf(4, { value: Buffer.alloc(bytes, 1) })];
      const given = {
        ...PLACE,
        records,
        reason: 'retries' as const,
        failures: 3,
        error: { ...error, message: '€'.repeat(3_000) },
      };
      expect(Buffer.byteLength(deadLetter(origin, given))).toBeLessThanOrEqual(262_144);
    }
  });

  it('names the offsets of a batch that nobody can read', () => {
    const unreadable = { ...PLACE, firstOffset: 5, lastOffset: 9, error };
    expect(JSON.parse(unreadableLetter(origin, unreadable))).toMatchObject({
      firstOffset: 5,
      lastOffset: 9,
      reason: 'unreadable',
    });
  });
});

describe('the note at a position', () => {
  it('comes back as it was written, and is not seen in what others write', () => {
    const note = { failures: 12, to: 2 ** 52 };
    expect(parseNote(encodeNote(note))).toEqual(note);
    for (const text of ['', 'push: failures', 'note push: 1 failures up to 2'])
      expect(parseNote(text)).toBeUndefined();
  });
});
