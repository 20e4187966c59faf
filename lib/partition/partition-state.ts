import { LIMITS } from '../limits.ts';
import type { Clock } from '../storage/clock.ts';
import type { Bounds } from './tail.ts';

/**
 * What this process knows of a partition and shares between its readers and its writer. All of it may be old, none of
 * it can be wrong: ends of chunks stay ends of chunks, and both bounds only grow.
 */
export interface PartitionState {
  /** The largest offset that is known to lie between two chunks, or behind the last one; undefined before any look. */
  readonly knownEnd: number | undefined;
  /** Undefined once they are too old to be served from. */
  freshBounds(): Bounds | undefined;
  /** The last log start seen, however old. */
  readonly logStart: number;
  /** The sealed end is a chunk's end too. */
  learnBounds(bounds: Bounds): Bounds;
  /** Tells of a chunk end and wakes the readers that wait for more. */
  learnEnd(offset: number): void;
  /** Resolves when an end beyond `offset` is learnt in this process, or when `signal` is aborted. */
  waitBeyond(offset: number, signal: AbortSignal): Promise<void>;
}

interface Waiter {
  readonly offset: number;
  readonly wake: () => void;
}

export function createPartitionState(clock: Clock): PartitionState {
  let knownEnd: number | undefined;
  let bounds: Bounds | undefined;
  const waiters = new Set<Waiter>();
  const learnEnd = (offset: number): void => {
    knownEnd = Math.max(offset, knownEnd ?? 0);
    for (const waiter of waiters) if (offset > waiter.offset) waiter.wake();
  };
  return {
    get knownEnd() {
      return knownEnd;
    },
    get logStart() {
      return bounds?.logStart ?? 0;
    },
    freshBounds() {
      if (bounds === undefined) return undefined;
      const ageMs = clock.monotonicMs() - bounds.observation.sentMonotonicMs;
      return ageMs <= LIMITS.topicCacheMsMax ? bounds : undefined;
    },
    learnBounds(seen) {
      bounds = {
        sealedEnd: Math.max(seen.sealedEnd, bounds?.sealedEnd ?? 0),
        logStart: Math.max(seen.logStart, bounds?.logStart ?? 0),
        observation: seen.observation,
      };
      if (bounds.sealedEnd > 0) learnEnd(bounds.sealedEnd);
      return bounds;
    },
    learnEnd,
    waitBeyond(offset, signal) {
      return new Promise((resolve) => {
        const finish = (): void => {
          waiters.delete(waiter);
          signal.removeEventListener('abort', finish);
          resolve();
        };
        const waiter: Waiter = { offset, wake: finish };
        waiters.add(waiter);
        signal.addEventListener('abort', finish);
        if (signal.aborted || (knownEnd ?? 0) > offset) finish();
      });
    },
  };
}
