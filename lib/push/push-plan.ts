import { unreachable } from '../errors.ts';
import { CALL_BYTES_MAX } from './push-settings.ts';

/**
 * What is to be done with one batch of a partition, as values: the runner sends, waits and stores what this says, one step
 * at a time. Records are known by their index in the batch; a stretch is given up or delivered as a whole, in order.
 */
export interface PushWork {
  /** What is left, in order; the stretches touch. */
  readonly stretches: readonly Stretch[];
  /** Calls in a row that could not be made at all. */
  readonly unmade: number;
  /** The time between two runs was pause enough. */
  readonly hasRested?: boolean;
}

/** Records `from` up to, not including, `to`. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** How often it was sent and failed. */
  readonly failures: number;
  readonly error?: PushError;
}

/** What a function failed with. */
export interface PushError {
  readonly type: string;
  readonly message: string;
}

export interface PushRules {
  readonly maxRetries: number;
  /** 0: no record is too old. */
  readonly maxRecordAgeMs: number;
  readonly bisect: boolean;
}

export type PushOutcome =
  | { readonly kind: 'delivered' }
  /** The function named the first record, by its index in the batch, that it could not take. */
  | { readonly kind: 'stoppedAt'; readonly index: number; readonly error: PushError }
  | { readonly kind: 'failed'; readonly error: PushError }
  /** The function was not called, or nobody knows: it is throttled, gone, or cannot be reached. */
  | { readonly kind: 'unmade' };

export type PushStep =
  | { readonly kind: 'done' }
  | { readonly kind: 'send'; readonly stretch: Stretch; readonly waitMs: number }
  | { readonly kind: 'giveUp'; readonly stretch: Stretch; readonly reason: GivenUp };

export type GivenUp =
  /** It failed more often than it may. */
  | 'retries'
  /** It is older than what may be sent. */
  | 'age'
  /** No call can carry it. */
  | 'size';

/** What decides over a record. */
export interface PlannedRecord {
  /** -1: none. */
  readonly timestampMs: number;
  readonly callBytes: number;
}

const WAIT_MS_MIN = 200;
/** Well below the life of a run, which would else end before the next try. */
const WAIT_MS_MAX = 30_000;

export function newWork(recordCount: number): PushWork {
  return { stretches: recordCount === 0 ? [] : [{ from: 0, to: recordCount, failures: 0 }], unmade: 0 };
}

/** Continues where another runner stopped: the records before `to` have failed together `failures` times. */
export function resumedWork(
  recordCount: number,
  noted: { readonly to: number; readonly failures: number },
): PushWork {
  const to = Math.min(noted.to, recordCount);
  if (to <= 0) return newWork(recordCount);
  const first = { from: 0, to, failures: noted.failures };
  const rest = { from: to, to: recordCount, failures: 0 };
  return { stretches: rest.from === rest.to ? [first] : [first, rest], unmade: 0, hasRested: true };
}

/** The next step. `nowMs` is what timestamps are compared with, `random` uniform in [0, 1). */
export function nextStep(
  { stretches, unmade, hasRested = false }: PushWork,
  rules: PushRules,
  now: { readonly records: readonly PlannedRecord[]; readonly nowMs: number; readonly random: number },
): PushStep {
  const [stretch] = stretches;
  if (stretch === undefined) return { kind: 'done' };
  const aged = agedEnd(stretch, rules, now);
  if (aged > stretch.from) return { kind: 'giveUp', stretch: { ...stretch, to: aged }, reason: 'age' };
  const isAlone = stretch.to - stretch.from === 1;
  if (isAlone && (now.records[stretch.from]?.callBytes ?? 0) > CALL_BYTES_MAX) {
    return { kind: 'giveUp', stretch, reason: 'size' };
  }
  if (stretch.failures > rules.maxRetries) return { kind: 'giveUp', stretch, reason: 'retries' };
  const waitMs = hasRested ? 0 : backOffMs(Math.max(unmade, stretch.failures), now.random);
  return { kind: 'send', stretch, waitMs };
}

/** Exponential, half of it random: many partitions that fail together do not come back together. */
export function backOffMs(failures: number, random: number): number {
  if (failures === 0) return 0;
  const bound = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** Math.min(failures - 1, 20));
  return bound / 2 + (bound / 2) * random;
}

/** What is left once the stretch that was sent has come out like this. */
export function afterSending(work: PushWork, outcome: PushOutcome, rules: PushRules): PushWork {
  const [stretch, ...rest] = work.stretches;
  if (stretch === undefined) return work;
  switch (outcome.kind) {
    case 'delivered':
      return { stretches: rest, unmade: 0 };
    case 'unmade':
      return { stretches: work.stretches, unmade: work.unmade + 1 };
    case 'stoppedAt':
      return { stretches: [...stoppedAt(stretch, outcome, rules), ...rest], unmade: 0 };
    case 'failed':
      return { stretches: [...failed(stretch, outcome.error, rules), ...rest], unmade: 0 };
    default:
      return unreachable(outcome);
  }
}

/** What is left once the first records, up to `to`, have been given up. */
export function afterGivingUp(work: PushWork, to: number): PushWork {
  const [stretch, ...rest] = work.stretches;
  if (stretch === undefined) return work;
  const left = to < stretch.to ? [{ ...stretch, from: to }] : [];
  return { stretches: [...left, ...rest], unmade: 0 };
}

/**
 * The function has taken everything before the record that it named. That record is retried with what follows it, and
 * alone from its last retry on: what follows may be sound. A halving spares no retry here, because it is the record itself
 * that is known.
 */
function stoppedAt(
  stretch: Stretch,
  { index, error }: { readonly index: number; readonly error: PushError },
  rules: PushRules,
): readonly Stretch[] {
  const isNew = index > stretch.from;
  const failures = isNew ? 1 : stretch.failures + 1;
  const left: Stretch = { from: index, to: stretch.to, failures, error };
  const isLast = failures >= rules.maxRetries;
  if (!rules.bisect || !isLast || left.to - left.from === 1) return [left];
  return [
    { ...left, to: index + 1 },
    { from: index + 1, to: stretch.to, failures: 0 },
  ];
}

/** Halving is no retry: every half has all of its own. */
function failed(stretch: Stretch, error: PushError, { bisect }: PushRules): readonly Stretch[] {
  const { from, to, failures } = stretch;
  if (!bisect || to - from === 1) return [{ from, to, failures: failures + 1, error }];
  const middle = from + Math.ceil((to - from) / 2);
  return [
    { from, to: middle, failures: 0, error },
    { from: middle, to, failures: 0 },
  ];
}

/** The end of the records at the stretch's beginning that are too old. */
function agedEnd(
  { from, to }: Stretch,
  { maxRecordAgeMs }: PushRules,
  { records, nowMs }: { readonly records: readonly PlannedRecord[]; readonly nowMs: number },
): number {
  if (maxRecordAgeMs === 0) return from;
  let end = from;
  while (end < to && isTooOld(records[end]?.timestampMs ?? -1, nowMs - maxRecordAgeMs)) end += 1;
  return end;
}

function isTooOld(timestampMs: number, oldestMs: number): boolean {
  return timestampMs >= 0 && timestampMs < oldestMs;
}
