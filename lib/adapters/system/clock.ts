import type { Clock } from '../../storage/clock.ts';

/** `setTimeout` takes no longer waits than this (https://nodejs.org/api/timers.html). */
const TIMER_MS_MAX = 2_147_483_647;

/** The machine's own time. A timer may fire a fraction early; `sleep` then waits for the rest. */
export function systemClock(): Clock {
  const monotonicMs = (): number => performance.now();
  return {
    wallMs: () => Date.now(),
    monotonicMs,
    sleep: async (ms, signal) => {
      const untilMs = monotonicMs() + ms;
      signal?.throwIfAborted();
      for (let restMs = ms; restMs > 0; restMs = untilMs - monotonicMs()) {
        await wait(Math.min(Math.ceil(restMs), TIMER_MS_MAX), signal);
      }
    },
  };
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
