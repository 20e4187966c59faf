import type { Rules } from '../rules.ts';
import type { Bucket } from './bucket.ts';
import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { StorageFault, type StorageFaultKind } from './fault.ts';
import type { Random } from './random.ts';
import type { SortKey, Table } from './table.ts';

/**
 * Retries around a storage adapter, the same for all of them. The pause before retry n is drawn evenly from 1 ms up to
 * `pauseMsFirst` × 2ⁿ, at most `pauseMsMax` (full jitter: independent clients spread out instead of coming back together).
 */
const PAUSES = {
  /** Storage asks for a lower rate. */
  throttled: { pauseMsFirst: 50, pauseMsMax: 2_000 },
  /** The outcome is open and somebody may be waiting for it: soon, but not in step with others. */
  interrupted: { pauseMsFirst: 10, pauseMsMax: 500 },
} as const;

/** The adapter has corrected its clock after a skewed answer; a second one in the same call is not ours to mend. */
const SKEWED_RETRIES_MAX = 1;

export interface RetryParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Two of the engine's rules live here; see lib/rules.ts. @default both on */
  readonly rules?: Pick<Rules, 'tokenCheck' | 'retryAtTail'>;
}

/**
 * `throttled` and `interrupted` requests are sent again until `call.deadlineMs`, `skewed` ones once more; then the last
 * fault is thrown. A put keeps its item and version, so losing to its own version means that an earlier attempt was
 * stored. What is thrown after a write that may have taken effect says so, whatever its kind.
 */
export function retryingTable<S extends SortKey>(table: Table<S>, parts: RetryParts): Table<S> {
  return {
    inlineBytesBreakEven: table.inlineBytesBreakEven,
    get: async (key, options, call) =>
      (await repeat(() => table.get(key, options, call), { ...parts, call, writes: false })).answer,
    query: async (pk, range, call) =>
      (await repeat(() => table.query(pk, range, call), { ...parts, call, writes: false })).answer,

    put: async (item, options, call) => {
      const { answer, interrupted } = await repeat(() => table.put(item, options, call), {
        ...parts,
        call,
        writes: true,
        retriesInterrupted: parts.rules?.retryAtTail ?? true,
      });
      if (answer.stored) return answer;
      const ownVersionWins = parts.rules?.tokenCheck ?? true;
      if (ownVersionWins && answer.standing?.version === item.version) {
        return { stored: true, observation: answer.observation };
      }
      return interrupted ? { ...answer, mayHaveHappened: true } : answer;
    },

    delete: async (key, condition, call) => {
      const { answer, interrupted } = await repeat(() => table.delete(key, condition, call), {
        ...parts,
        call,
        writes: true,
      });
      // That version is gone for ever, and an earlier attempt may be what removed it.
      return interrupted ? { deleted: true } : answer;
    },
  };
}

/** As `retryingTable`: every write of a bucket can be repeated, because a key always carries the same bytes. */
export function retryingBucket(bucket: Bucket, parts: RetryParts): Bucket {
  return {
    put: async (key, bytes, call) =>
      (await repeat(() => bucket.put(key, bytes, call), { ...parts, call, writes: true })).answer,
    get: async (key, range, call) =>
      (await repeat(() => bucket.get(key, range, call), { ...parts, call, writes: false })).answer,
    list: async (prefix, options, call) =>
      (await repeat(() => bucket.list(prefix, options, call), { ...parts, call, writes: false })).answer,
    delete: async (keys, call) =>
      (await repeat(() => bucket.delete(keys, call), { ...parts, call, writes: true })).answer,
  };
}

export interface Repetition extends RetryParts {
  readonly call: Call;
  readonly writes: boolean;
  /** @default true */
  readonly retriesInterrupted?: boolean;
}

/** `interrupted`: an attempt before the answered one may have taken effect. */
export async function repeat<T>(
  attempt: () => Promise<T>,
  repetition: Repetition,
): Promise<{ readonly answer: T; readonly interrupted: boolean }> {
  let interrupted = false;
  const counts: FaultCounts = { throttled: 0, interrupted: 0, skewed: 0 };
  for (;;) {
    try {
      return { answer: await attempt(), interrupted };
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      interrupted ||= repetition.writes && error.mayHaveHappened;
      if (interrupted && repetition.retriesInterrupted === false) throw withHistory(error, interrupted);
      const pauseMs = pauseBeforeRetry(error.kind, counts, repetition.random);
      if (pauseMs === undefined || !(await waitInTime(pauseMs, repetition))) {
        throw withHistory(error, interrupted);
      }
    }
  }
}

type FaultCounts = Record<'throttled' | 'interrupted' | 'skewed', number>;

/** Undefined: not to be sent again. Counts the fault. */
function pauseBeforeRetry(kind: StorageFaultKind, counts: FaultCounts, random: Random): number | undefined {
  if (kind === 'skewed') {
    counts.skewed += 1;
    return counts.skewed > SKEWED_RETRIES_MAX ? undefined : 0;
  }
  if (kind !== 'throttled' && kind !== 'interrupted') return undefined;
  const { pauseMsFirst, pauseMsMax } = PAUSES[kind];
  const ceilingMs = Math.min(pauseMsMax, pauseMsFirst * 2 ** counts[kind]);
  counts[kind] += 1;
  return 1 + random.next() * (ceilingMs - 1);
}

/** Whether there is still time after the pause; a pause that would pass the deadline is not begun. */
async function waitInTime(pauseMs: number, { clock, call, writes }: Repetition): Promise<boolean> {
  if (clock.monotonicMs() + pauseMs >= call.deadlineMs) return false;
  // A write is seen through to its deadline even if nobody waits any more: its outcome is open.
  const signal = writes ? undefined : call.signal;
  signal?.throwIfAborted();
  if (pauseMs > 0) await clock.sleep(pauseMs, signal);
  // The process may have been suspended meanwhile.
  return clock.monotonicMs() < call.deadlineMs;
}

function withHistory(fault: StorageFault, mayHaveHappened: boolean): StorageFault {
  if (fault.mayHaveHappened === mayHaveHappened) return fault;
  return new StorageFault(fault.kind, fault.message, { cause: fault, mayHaveHappened });
}
