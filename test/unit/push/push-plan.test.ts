import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterGivingUp,
  afterSending,
  backOffMs,
  type GivenUp,
  newWork,
  nextStep,
  type PlannedRecord,
  type PushError,
  type PushOutcome,
  type PushRules,
  type PushWork,
  resumedWork,
} from '../../../lib/push/push-plan.ts';
import { CALL_BYTES_MAX } from '../../../lib/push/push-settings.ts';

const ERROR: PushError = { type: 'Error', message: 'no' };
const NOW_MS = 1_800_000_000_000;

const recordsOf = (count: number): readonly PlannedRecord[] =>
  Array.from({ length: count }, () => ({ timestampMs: NOW_MS, callBytes: 100 }));

interface Played {
  /** Every stretch that was sent, as [from, to, outcome]. */
  readonly sent: readonly (readonly [number, number, PushOutcome['kind']])[];
  readonly delivered: readonly number[];
  readonly givenUp: readonly { readonly from: number; readonly to: number; readonly reason: GivenUp }[];
  readonly waitsMs: readonly number[];
}

/** Plays a plan to its end against a function; fails when it does not end. */
function play(
  start: PushWork,
  records: readonly PlannedRecord[],
  rules: PushRules,
  answer: (from: number, to: number, call: number) => PushOutcome,
): Played {
  const sent: [number, number, PushOutcome['kind']][] = [];
  const delivered: number[] = [];
  const givenUp: { from: number; to: number; reason: GivenUp }[] = [];
  const waitsMs: number[] = [];
  let work = start;
  for (let steps = 0; steps < 100_000; steps += 1) {
    const step = nextStep(work, rules, { records, nowMs: NOW_MS, random: 0 });
    if (step.kind === 'done') return { sent, delivered, givenUp, waitsMs };
    const { from, to } = step.stretch;
    if (step.kind === 'giveUp') {
      givenUp.push({ from, to, reason: step.reason });
      work = afterGivingUp(work, to);
      continue;
    }
    waitsMs.push(step.waitMs);
    const outcome = answer(from, to, sent.length);
    sent.push([from, to, outcome.kind]);
    const end = outcome.kind === 'delivered' ? to : outcome.kind === 'stoppedAt' ? outcome.index : from;
    for (let index = from; index < end; index += 1) delivered.push(index);
    work = afterSending(work, outcome, rules);
  }
  throw new Error('the plan does not end');
}

const RULES: PushRules = { maxRetries: 3, maxRecordAgeMs: 0, bisect: true };
const play100 = (rules: PushRules, answer: (from: number, to: number, call: number) => PushOutcome): Played =>
  play(newWork(100), recordsOf(100), rules, answer);
/** A function that throws when the poison is among the records. */
const throwing =
  (poison: number) =>
  (from: number, to: number): PushOutcome =>
    from <= poison && poison < to ? { kind: 'failed', error: ERROR } : { kind: 'delivered' };
/** A function that names the poison. */
const naming =
  (poison: number) =>
  (from: number, to: number): PushOutcome =>
    from <= poison && poison < to
      ? { kind: 'stoppedAt', index: poison, error: ERROR }
      : { kind: 'delivered' };
const others = (poison: number): number[] =>
  Array.from({ length: 100 }, (_, index) => index).filter((index) => index !== poison);

describe('the plan of pushing a batch', () => {
  it('sends it once, whole, at once', () => {
    const played = play100(RULES, () => ({ kind: 'delivered' }));
    expect(played).toEqual({
      sent: [[0, 100, 'delivered']],
      delivered: expect.any(Array),
      givenUp: [],
      waitsMs: [0],
    });
    expect(played.delivered).toHaveLength(100);
  });

  it.each([0, 41, 99])(
    'halves it until record %i, which fails, stands alone, and gives up that one',
    (poison) => {
      const { delivered, givenUp, sent } = play100(RULES, throwing(poison));
      expect(givenUp).toEqual([{ from: poison, to: poison + 1, reason: 'retries' }]);
      expect(delivered).toEqual(others(poison));
      const alone = sent.filter(([from, to]) => from === poison && to === poison + 1);
      expect(alone).toHaveLength(1 + RULES.maxRetries);
    },
  );

  it.each([0, 41, 99])(
    'retries from record %i on, which the function named, and at last that one alone',
    (poison) => {
      const { delivered, givenUp, sent } = play100(RULES, naming(poison));
      expect(givenUp).toEqual([{ from: poison, to: poison + 1, reason: 'retries' }]);
      expect(delivered).toEqual(others(poison));
      const ofPoison = sent.filter(([from, to]) => from <= poison && poison < to);
      expect(ofPoison).toHaveLength(1 + RULES.maxRetries);
    },
  );

  it('gives up the batch as a whole, after its retries, where it may not be halved', () => {
    const { delivered, givenUp, sent } = play100({ ...RULES, bisect: false }, throwing(41));
    expect(sent).toHaveLength(4);
    expect(givenUp).toEqual([{ from: 0, to: 100, reason: 'retries' }]);
    expect(delivered).toEqual([]);
  });

  it('gives up from the named record on where it may not be halved', () => {
    const { delivered, givenUp } = play100({ ...RULES, bisect: false }, naming(41));
    expect(givenUp).toEqual([{ from: 41, to: 100, reason: 'retries' }]);
    expect(delivered).toEqual(Array.from({ length: 41 }, (_, index) => index));
  });

  it('gives up at the first failure where there are no retries', () => {
    const rules = { ...RULES, maxRetries: 0 };
    expect(play100(rules, naming(7)).givenUp).toEqual([{ from: 7, to: 8, reason: 'retries' }]);
    expect(play100(rules, throwing(7)).givenUp).toEqual([{ from: 7, to: 8, reason: 'retries' }]);
  });

  it('waits longer before every retry, not before a half, and never more than half a minute', () => {
    const { waitsMs } = play(newWork(2), recordsOf(2), { ...RULES, maxRetries: 12 }, throwing(0));
    // The whole; the first half; its retries; the second half.
    const [whole, half, ...retries] = waitsMs;
    expect([whole, half, retries.pop()]).toEqual([0, 0, 0]);
    expect(retries).toEqual([
      100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000, 15_000, 15_000,
    ]);
    expect(backOffMs(40, 1)).toBe(30_000);
  });

  it('gives nothing up for calls that could not be made, and waits longer and longer', () => {
    const { givenUp, delivered, waitsMs } = play100(RULES, (_from, _to, call) =>
      call < 50 ? { kind: 'unmade' } : { kind: 'delivered' },
    );
    expect(givenUp).toEqual([]);
    expect(delivered).toHaveLength(100);
    expect(waitsMs.slice(0, 4)).toEqual([0, 100, 200, 400]);
    expect(Math.max(...waitsMs)).toBe(15_000);
  });

  it('gives up what is too old, unsent, and sends what follows', () => {
    const records = recordsOf(10).map((record, index) =>
      index < 4 ? { ...record, timestampMs: NOW_MS - 60_001 } : record,
    );
    const played = play(newWork(10), records, { ...RULES, maxRecordAgeMs: 60_000 }, () => ({
      kind: 'delivered',
    }));
    expect(played.givenUp).toEqual([{ from: 0, to: 4, reason: 'age' }]);
    expect(played.sent).toEqual([[4, 10, 'delivered']]);
  });

  it('takes no record without a timestamp for too old', () => {
    const records = [{ timestampMs: -1, callBytes: 1 }];
    const played = play(newWork(1), records, { ...RULES, maxRecordAgeMs: 1 }, () => ({ kind: 'delivered' }));
    expect(played.givenUp).toEqual([]);
  });

  it('gives up at once a record that no call can carry', () => {
    const records = [{ timestampMs: NOW_MS, callBytes: CALL_BYTES_MAX + 1 }];
    const { givenUp, sent } = play(newWork(1), records, RULES, () => ({ kind: 'delivered' }));
    expect(givenUp).toEqual([{ from: 0, to: 1, reason: 'size' }]);
    expect(sent).toEqual([]);
  });

  it('goes on counting where another runner stopped', () => {
    const played = play(
      resumedWork(10, { to: 2, failures: 3 }),
      recordsOf(10),
      { ...RULES, bisect: false },
      (from) => (from === 0 ? { kind: 'failed', error: ERROR } : { kind: 'delivered' }),
    );
    expect(played.sent).toEqual([
      [0, 2, 'failed'],
      [2, 10, 'delivered'],
    ]);
    expect(played.givenUp).toEqual([{ from: 0, to: 2, reason: 'retries' }]);
    expect(played.waitsMs).toEqual([0, 0]);
  });

  it('whatever the function answers, ends; every record is delivered or given up, in order, and none is passed over', () => {
    const outcome = fc.oneof(
      { weight: 3, arbitrary: fc.constant('delivered') },
      { weight: 3, arbitrary: fc.constant('failed') },
      { weight: 2, arbitrary: fc.double({ min: 0, max: 0.999, noNaN: true }) },
      { weight: 1, arbitrary: fc.constant('unmade') },
    );
    const rules = fc.record({
      maxRetries: fc.nat(6),
      maxRecordAgeMs: fc.constantFrom(0, 60_000),
      bisect: fc.boolean(),
    });
    const ages = fc.array(fc.constantFrom(-1, NOW_MS, NOW_MS - 60_001), { minLength: 1, maxLength: 60 });
    const property = fc.property(
      ages,
      rules,
      fc.array(outcome, { minLength: 1 }),
      (timestamps, rule, outcomes) => {
        const records = timestamps.map((timestampMs) => ({ timestampMs, callBytes: 100 }));
        const answer = (from: number, to: number, call: number): PushOutcome => {
          // The function mends itself at last where it may not be called.
          const next = call < 2_000 ? outcomes[call % outcomes.length] : 'delivered';
          if (next === 'delivered' || next === 'unmade') return { kind: next };
          if (typeof next === 'string') return { kind: 'failed', error: ERROR };
          return { kind: 'stoppedAt', index: from + Math.floor(Number(next) * (to - from)), error: ERROR };
        };
        const { sent, delivered, givenUp } = play(newWork(records.length), records, rule, answer);
        const buried = givenUp.flatMap(({ from, to }) =>
          Array.from({ length: to - from }, (_, index) => from + index),
        );
        const all = [...delivered, ...buried].toSorted((a, b) => a - b);
        expect(all).toEqual(records.map((_, index) => index));
        expect(delivered).toEqual(delivered.toSorted((a, b) => a - b));
        // Nothing is sent from behind a record that is neither delivered nor given up.
        let begun = 0;
        for (const [from, to] of sent) {
          expect(from).toBeGreaterThanOrEqual(begun);
          expect(to).toBeLessThanOrEqual(records.length);
          begun = from;
        }
        if (rule.maxRecordAgeMs === 0) {
          const bound = records.length * 2 * (rule.maxRetries + 2);
          expect(sent.filter(([, , kind]) => kind !== 'unmade').length).toBeLessThanOrEqual(bound);
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('with one poison record anywhere gives up nothing else, however the function says it', () => {
    const cases = fc.record({
      count: fc.integer({ min: 1, max: 200 }),
      at: fc.nat(199),
      names: fc.boolean(),
      maxRetries: fc.nat(4),
    });
    const property = fc.property(cases, ({ count, at, names, maxRetries }) => {
      const poison = at % count;
      const answer = names ? naming(poison) : throwing(poison);
      const { givenUp, delivered, sent } = play(
        newWork(count),
        recordsOf(count),
        { ...RULES, maxRetries },
        answer,
      );
      expect(givenUp).toEqual([{ from: poison, to: poison + 1, reason: 'retries' }]);
      expect(delivered).toHaveLength(count - 1);
      expect(sent.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(count)) + maxRetries + 3);
    });
    fc.assert(property, { numRuns: 500 });
  });
});
