import type { Clock } from '../../../lib/storage/clock.ts';

interface Sleeper {
  readonly untilMs: number;
  readonly order: number;
  readonly wake: () => void;
}

export interface DrivenClock extends Clock {
  /** No time passes any more. */
  stop(): void;
}

/**
 * Time that stands still while anything is done and leaps to the next sleeper when all wait: minutes of several processes'
 * lives pass in milliseconds, in an order that follows from their pauses alone.
 */
export function drivenClock(): DrivenClock {
  let nowMs = 0;
  let order = 0;
  let isStopped = false;
  let isDriving = false;
  const sleepers = new Set<Sleeper>();

  const first = (): Sleeper | undefined => {
    let earliest: Sleeper | undefined;
    for (const sleeper of sleepers) {
      const isEarlier =
        earliest === undefined ||
        sleeper.untilMs < earliest.untilMs ||
        (sleeper.untilMs === earliest.untilMs && sleeper.order < earliest.order);
      if (isEarlier) earliest = sleeper;
    }
    return earliest;
  };

  const drive = async (): Promise<void> => {
    isDriving = true;
    while (sleepers.size > 0 && !isStopped) {
      // Everything that does not sleep is done by then: memory answers within a turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      const next = first();
      if (next === undefined) break;
      sleepers.delete(next);
      nowMs = Math.max(nowMs, next.untilMs);
      next.wake();
    }
    isDriving = false;
  };

  return {
    wallMs: () => 1_800_000_000_000 + Math.floor(nowMs),
    monotonicMs: () => nowMs + 1_000_000,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        const abort = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const wake = (): void => {
          signal?.removeEventListener('abort', abort);
          resolve();
        };
        order += 1;
        const sleeper = { untilMs: nowMs + Math.max(0, ms), order, wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', abort, { once: true });
        if (!isDriving) void drive();
      }),
    stop: () => {
      isStopped = true;
    },
  };
}
