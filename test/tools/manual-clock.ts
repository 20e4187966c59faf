import type { Clock } from '../../lib/storage/clock.ts';

/** A clock that moves only when told; wall and monotonic time move together unless they are told apart. */
export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** Steps the wall clock alone. */
  stepWall(ms: number): void;
  /** Moves monotonic time alone: the wall clock stands still. */
  stepMonotonic(ms: number): void;
}

export function manualClock(wallStartMs: number = Date.now()): ManualClock {
  let wallMs = wallStartMs;
  let monotonicMs = 1_000;
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  const stepMonotonic = (ms: number): void => {
    monotonicMs += ms;
    for (const sleeper of sleepers) {
      if (sleeper.untilMs <= monotonicMs) {
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    }
  };
  return {
    wallMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { untilMs: monotonicMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener(
          'abort',
          () => {
            sleepers.delete(sleeper);
            reject(signal.reason);
          },
          { once: true },
        );
      }),
    advance: (ms) => {
      wallMs += ms;
      stepMonotonic(ms);
    },
    stepWall: (ms) => {
      wallMs += ms;
    },
    stepMonotonic,
  };
}
