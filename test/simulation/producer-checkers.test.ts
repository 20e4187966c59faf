import { describe, expect, it } from 'vitest';
import { checkExpected } from './check-expected.ts';
import { checkProducers } from './check-producers.ts';
import { createHistory, type Intent, type ProduceAttempt, type ProduceOutcome } from './history.ts';
import type { ProducedBatch, TrueChunk, TruePartition, Truth } from './truth.ts';
import type { Violation } from './violation.ts';

const PK = 'T:0';
const DAY_MS = 86_400_000;
const REFUSED = { kind: 'refused', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' } as const;

/** A chunk with one batch of two records. */
function stored(atMs: number, baseOffset: number, baseSequence: number, producerEpoch = 0): TrueChunk {
  const batch: ProducedBatch = { producerId: 7, producerEpoch, baseSequence, recordCount: 2, baseOffset };
  const chunk: TrueChunk['chunk'] = {
    baseOffset,
    endOffset: baseOffset + 2,
    version: `${baseOffset}`,
    maxTimestampMs: 0,
    identities: [],
    body: { kind: 'inline', bytes: new Uint8Array() },
  };
  return { chunk, atMs, by: 'p0', records: [], produced: [batch], bytes: 0, damage: undefined };
}

function truthOf(chunks: readonly TrueChunk[]): Truth {
  const endAt = (ms: number): number =>
    Math.max(0, ...chunks.filter(({ atMs }) => atMs <= ms).map(({ chunk }) => chunk.endOffset));
  const partition: TruePartition = { pk: PK, chunks, records: new Map(), endAt };
  const places = chunks.map(
    ({ chunk: { baseOffset: offset }, atMs }) => [`at ${offset}`, [{ pk: PK, offset, atMs }]] as const,
  );
  const forever = { deletingMs: Number.POSITIVE_INFINITY, forgottenMs: Number.POSITIVE_INFINITY };
  return {
    partitions: new Map([[PK, partition]]),
    lives: [{ name: 't', topicId: 'T', createdMs: 0, ...forever }],
    places: new Map(places),
  };
}

function attempt(
  outcome: ProduceOutcome,
  span: readonly [number, number],
  more: Partial<Intent>,
): ProduceAttempt {
  const place = { topic: 't', partition: 0 };
  const intent: Intent = {
    id: 1,
    ...place,
    values: ['a', 'b'],
    keys: [null, null],
    timestampMs: 0,
    idempotencyKey: undefined,
    attempts: [],
    ...more,
  };
  return { intent, process: 'p1', ...place, startedMs: span[0], endedMs: span[1], outcome };
}

function judge(found: readonly Violation[]): string[] {
  return found.map(({ invariant, message }) => `${invariant} ${message}`);
}

describe('the check of idempotent producers', () => {
  const check = (chunks: readonly TrueChunk[], produces: ProduceAttempt[] = []): string[] =>
    judge(checkProducers({ ...createHistory(), produces }, truthOf(chunks)));
  const refusal = (baseSequence: number, span: readonly [number, number]): ProduceAttempt[] => [
    attempt(REFUSED, span, { producer: { producerId: 7, producerEpoch: 0, baseSequence } }),
  ];

  it('finds nothing where sequences follow each other, wrap, and begin at 0 in a new epoch', () => {
    const wrapping = [
      stored(1, 0, 2 ** 31 - 3),
      stored(2, 2, 2 ** 31 - 1),
      stored(3, 4, 1),
      stored(4, 6, 0, 1),
    ];
    expect(check(wrapping)).toEqual([]);
  });

  it('notices a batch that stands twice (I4)', () => {
    expect(check([stored(1, 0, 0), stored(2, 2, 2), stored(3, 4, 0)])).toEqual([
      'I4 p0 stored producer 7, epoch 0, sequence 0, which was there already, behind producer 7, epoch 0, sequence 2',
    ]);
  });

  it('notices a gap, an old epoch, and a new one that does not begin at 0 (I4)', () => {
    expect(check([stored(1, 0, 0), stored(2, 2, 4)])[0]).toContain('out of order');
    expect(check([stored(1, 0, 0, 1), stored(2, 2, 2)])[0]).toContain('of an old epoch');
    expect(check([stored(1, 0, 0), stored(2, 2, 2, 1)])[0]).toContain('out of order');
  });

  it('lets a producer begin anew that was silent for a day', () => {
    expect(check([stored(1, 0, 0), stored(1 + DAY_MS, 2, 40)])).toEqual([]);
  });

  it('notices a batch that was refused though it was the next, or there already (I4)', () => {
    const log = [stored(1, 0, 0), stored(10, 2, 2)];
    expect(check(log, refusal(6, [20, 30]))).toEqual([]);
    // At the beginning of the request it was not yet the next one.
    expect(check(log, refusal(4, [5, 30]))).toEqual([]);
    const unjust = 'I4 p1 answered #1 (producer 7, epoch 0, sequence 4) with OUT_OF_ORDER_SEQUENCE_NUMBER';
    expect(check(log, refusal(4, [20, 30]))[0]).toContain(unjust);
    expect(check(log, refusal(0, [20, 30]))[0]).toContain('for no reason');
  });

  it('takes a batch before the last five for a mistake', () => {
    const log = [0, 2, 4, 6, 8, 10].map((at) => stored(at, at, at));
    expect(check(log, refusal(0, [20, 30]))).toEqual([]);
    expect(check(log, refusal(2, [20, 30]))).toHaveLength(1);
  });

  it('notices an id that was given out twice (I4)', () => {
    const producerIds = [1, 2].map((atMs) => ({ process: 'p0', atMs, producerId: 7 }));
    expect(judge(checkProducers({ ...createHistory(), producerIds }, truthOf([])))).toEqual([
      'I4 p0 gave the producer id 7 out again',
    ]);
  });
});

describe('the check of appends that name their place', () => {
  const truth = truthOf([stored(1, 0, 0), stored(10, 2, 2)]);
  const check = (outcome: ProduceOutcome, span: readonly [number, number], more: Partial<Intent>): string[] =>
    judge(checkExpected({ ...createHistory(), produces: [attempt(outcome, span, more)] }, truth));
  const told = (toldEndOffset: number): ProduceOutcome => ({
    kind: 'refused',
    code: 'UNEXPECTED_TAIL',
    toldEndOffset,
  });

  it('notices one that stands elsewhere (I4)', () => {
    const acknowledged = { kind: 'acknowledged', baseOffset: 2, duplicate: false } as const;
    const values = ['at 2', 'b'];
    expect(check(acknowledged, [5, 11], { expectedOffset: 2, values })).toEqual([]);
    expect(check(acknowledged, [5, 11], { expectedOffset: 4, values })[0]).toContain('it stands at 2');
  });

  it('notices a refusal that tells of no end that the log ever had meanwhile (I4)', () => {
    expect(check(told(4), [12, 20], { expectedOffset: 2 })).toEqual([]);
    expect(check(told(2), [5, 8], { expectedOffset: 9 })).toEqual([]);
    expect(check(told(2), [12, 20], { expectedOffset: 9 })[0]).toContain('was said to end at 2');
    expect(check(told(4), [12, 20], { expectedOffset: 4 })[0]).toContain('was said to end at 4');
    expect(check(told(6), [12, 20], { expectedOffset: 4 })[0]).toContain('was said to end at 6');
  });
});
