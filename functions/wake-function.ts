import type { Clock } from '../lib/storage/clock.ts';
import type { Observer } from './observer.ts';

export interface WakeFunctionParts {
  /** Calls each of the replicators that are to be woken, without waiting for its end. */
  readonly wake: readonly (() => Promise<void>)[];
  readonly clock: Clock;
  readonly observer: Observer;
}

/**
 * How long a replicator that was called is not called again: it is there, and waits for more for longer than this. Bounds
 * what constant traffic costs.
 */
export const WAKE_EVERY_MS = 2_000;

/**
 * Called with new items of the hot table, whatever they are. A replicator that could not be called is called again with the
 * next items, or when the same come again because this failed.
 */
export function wakeFunction({
  wake,
  clock,
  observer,
}: WakeFunctionParts): (event: unknown) => Promise<void> {
  const wokenMs = wake.map(() => Number.NEGATIVE_INFINITY);
  return async () => {
    const nowMs = clock.monotonicMs();
    const errors: unknown[] = [];
    await Promise.all(
      wake.map(async (call, index) => {
        if (nowMs - (wokenMs[index] ?? 0) < WAKE_EVERY_MS) return;
        try {
          await call();
          wokenMs[index] = nowMs;
        } catch (error) {
          errors.push(error);
        }
      }),
    );
    for (const error of errors) observer.onFault(error, 'a replicator could not be woken');
    if (errors.length > 0) throw errors[0];
  };
}
