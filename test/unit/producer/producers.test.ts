import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agedTo,
  cutAt,
  foldedOnto,
  judgeBatch,
  type KnownProducer,
  type SequencedBatch,
  sequenceAfter,
  withBatch,
} from '../../../lib/producer/producers.ts';
import { decodeProducers, encodeProducers } from '../../../lib/producer/snapshot-bytes.ts';
import { codecs } from '../../support/log-on-memory.ts';

const LAST = 2 ** 31 - 1;

const batch = (epoch: number, firstSequence: number, count = 1): SequencedBatch => ({
  producerId: 7,
  epoch,
  firstSequence,
  lastSequence: sequenceAfter(firstSequence, count - 1),
});

const foldAll = (batches: readonly SequencedBatch[]): KnownProducer | undefined =>
  batches.reduce<KnownProducer | undefined>(
    (known, one, index) => withBatch(known, { ...one, baseOffset: index * 10 }),
    undefined,
  );

/**
 * Kafka's rules as its documentation tells them, with every record's number written down: what is stored of the newest
 * epoch, one entry per batch.
 */
class Model {
  epoch = -1;
  readonly stored: { readonly numbers: string; readonly last: bigint; readonly baseOffset: number }[] = [];

  append(one: SequencedBatch, count: number, baseOffset: number): string {
    const numbers = this.#numbers(one.firstSequence, count);
    if (this.epoch >= 0 && one.epoch < this.epoch) return 'oldEpoch';
    const isFirst = this.epoch < 0;
    if (one.epoch > this.epoch) {
      if (!isFirst && one.firstSequence !== 0) return 'outOfOrder';
      this.epoch = one.epoch;
      this.stored.length = 0;
    } else {
      const twin = this.stored.slice(-5).find((kept) => kept.numbers === numbers.join());
      if (twin !== undefined) return `duplicate of ${twin.baseOffset}`;
      const expected = ((this.stored.at(-1)?.last ?? -1n) + 1n) % 2_147_483_648n;
      if (BigInt(one.firstSequence) !== expected) return 'outOfOrder';
    }
    this.stored.push({ numbers: numbers.join(), last: numbers.at(-1) ?? 0n, baseOffset });
    return 'accept';
  }

  #numbers(first: number, count: number): bigint[] {
    return Array.from({ length: count }, (_, i) => (BigInt(first) + BigInt(i)) % 2_147_483_648n);
  }
}

interface Sent {
  readonly one: SequencedBatch;
  readonly count: number;
}

interface Drawn {
  readonly epoch: number;
  readonly firstSequence: number;
  readonly count: number;
  /** Up to 1: go on where the last one ended. From 3 on: repeat what was sent so many batches ago. */
  readonly follows: number;
}

function chosen(drawn: Drawn, known: KnownProducer | undefined, sent: readonly Sent[]): Sent {
  const { epoch, firstSequence, count, follows } = drawn;
  const last = known?.batches.at(-1);
  if (follows <= 1 && last !== undefined) {
    return { one: batch(known?.epoch ?? 0, sequenceAfter(last.lastSequence), count), count };
  }
  const again = follows > 2 ? sent.at(2 - follows) : undefined;
  return again ?? { one: batch(epoch, firstSequence, count), count };
}

describe('the fold over a producer', () => {
  it("answers every batch as Kafka's rules do", () => {
    const step = fc.record({
      epoch: fc.integer({ min: 0, max: 2 }),
      // Near the last number, so that batches wrap.
      firstSequence: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.integer({ min: LAST - 8, max: LAST })),
      count: fc.integer({ min: 1, max: 3 }),
      follows: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const model = new Model();
        let known: KnownProducer | undefined;
        const sent: Sent[] = [];
        for (const [at, drawn] of steps.entries()) {
          const next = chosen(drawn, known, sent);
          const baseOffset = at * 10;
          const verdict = judgeBatch(known, next.one);
          const told = verdict.kind === 'duplicate' ? `duplicate of ${verdict.baseOffset}` : verdict.kind;
          expect(told).toBe(model.append(next.one, next.count, baseOffset));
          if (verdict.kind === 'accept') {
            known = withBatch(known, { ...next.one, baseOffset });
            sent.push(next);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('begins again at 0 behind the largest sequence number, also in the middle of a batch', () => {
    const atEnd = foldAll([batch(0, LAST)]);
    expect(judgeBatch(atEnd, batch(0, 0)).kind).toBe('accept');
    const wrapped = foldAll([batch(0, LAST, 2)]);
    expect(judgeBatch(wrapped, batch(0, 1)).kind).toBe('accept');
    expect(judgeBatch(wrapped, batch(0, LAST, 2))).toEqual({ kind: 'duplicate', baseOffset: 0 });
    expect(judgeBatch(wrapped, batch(0, LAST, 3)).kind).toBe('outOfOrder');
  });

  it('knows the last five batches; the sixth before is out of order, not a duplicate', () => {
    const known = foldAll([0, 1, 2, 3, 4, 5].map((sequence) => batch(0, sequence)));
    expect(judgeBatch(known, batch(0, 1))).toEqual({ kind: 'duplicate', baseOffset: 10 });
    expect(judgeBatch(known, batch(0, 0)).kind).toBe('outOfOrder');
  });

  it('of a stretch of log joins what was known before it, wherever the stretch begins', () => {
    const steps = fc.array(
      fc.record({
        producerId: fc.integer({ min: 0, max: 3 }),
        epoch: fc.constantFrom(0, 0, 0, 1),
        firstSequence: fc.nat(100),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.nat(), fc.nat(), (log, splitSeed, beginSeed) => {
        const split = splitSeed % (log.length + 1);
        const begin = beginSeed % (split + 1);
        const fold = (from: number, to: number): Map<number, KnownProducer> => {
          const producers = new Map<number, KnownProducer>();
          for (const [offset, one] of log.entries()) {
            if (offset < from || offset >= to) continue;
            const stored = { ...one, lastSequence: one.firstSequence, baseOffset: offset };
            producers.set(one.producerId, withBatch(producers.get(one.producerId), stored));
          }
          return producers;
        };
        // The snapshot holds up to `split`, the stretch that is sealed begins before it.
        const joined = foldedOnto(fold(0, split), {
          from: split,
          later: fold(begin, log.length),
          batchesKept: 5,
        });
        expect(new Map([...joined].sort())).toEqual(new Map([...fold(0, log.length)].sort()));
      }),
      { numRuns: 500 },
    );
  });

  it('cut back to an earlier end forgets what stood behind it, and who stood there alone', () => {
    const one = { epoch: 3, lastSeenMs: 5 };
    const kept = [0, 10, 20].map((baseOffset) => ({ firstSequence: 0, lastSequence: 0, baseOffset }));
    const producers = new Map([
      [1, { ...one, batches: kept }],
      [2, { ...one, batches: kept.slice(2) }],
    ]);
    expect(cutAt(20, producers)).toEqual(new Map([[1, { ...one, batches: kept.slice(0, 2) }]]));
  });
});

describe('a snapshot of producers', () => {
  const known = fc.record({
    epoch: fc.integer({ min: 0, max: 32_767 }),
    lastSeenMs: fc.integer({ min: 0, max: 2 ** 45 }),
    batches: fc.array(
      fc.record({
        firstSequence: fc.integer({ min: 0, max: LAST }),
        lastSequence: fc.integer({ min: 0, max: LAST }),
        baseOffset: fc.maxSafeNat(),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.maxSafeNat(), known), { maxLength: 30 }), (entries) => {
        const producers = new Map(entries);
        expect(decodeProducers(codecs, encodeProducers(codecs, producers))).toEqual(producers);
      }),
    );
  });

  it('of format 1 stays readable: these are the bytes', () => {
    const stored = [
      '7d3de64a00000001',
      '42a0000000000e00000000034278bcfe5680000002',
      '7fffffff0000000141f0000000000000',
      '000000020000000241f0000000400000',
    ].join('');
    const batches = [
      { firstSequence: LAST, lastSequence: 1, baseOffset: 2 ** 32 },
      { firstSequence: 2, lastSequence: 2, baseOffset: 2 ** 32 + 4 },
    ];
    const producers = new Map([[2 ** 43 + 7, { epoch: 3, lastSeenMs: 1_700_000_000_000, batches }]]);
    expect(decodeProducers(codecs, Buffer.from(stored, 'hex'))).toEqual(producers);
    expect(Buffer.from(encodeProducers(codecs, producers)).toString('hex')).toBe(stored);
  });

  it('with any byte changed is damage, never another state', () => {
    const bytes = encodeProducers(codecs, new Map([[5, { epoch: 1, lastSeenMs: 9, batches: [] }]]));
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 4;
      expect(() => decodeProducers(codecs, changed)).toThrow('no snapshot');
    }
    expect(() => decodeProducers(codecs, bytes.subarray(0, 3))).toThrow('no snapshot');
  });

  it('forgets who has not been seen for a day, and dates who has written since the last one', () => {
    const day = 86_400_000;
    const producers = new Map([
      [1, { epoch: 0, batches: [], lastSeenMs: 1_000 }],
      [2, { epoch: 0, batches: [], lastSeenMs: 1_001 }],
      [3, { epoch: 0, batches: [], lastSeenMs: undefined }],
    ]);
    const aged = agedTo(1_001 + day, producers);
    expect([...aged].map(([id, { lastSeenMs }]) => [id, lastSeenMs])).toEqual([
      [2, 1_001],
      [3, 1_001 + day],
    ]);
  });
});
