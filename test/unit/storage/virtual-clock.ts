import type { Clock } from '../../../lib/storage/clock.ts';

export interface VirtualClock extends Clock {
  /** Every pause that was asked for. */
  readonly sleptMs: readonly number[];
  advance(ms: number): void;
}

/** Time that passes only when somebody sleeps or a test says so. */
export function virtualClock(): VirtualClock {
  let nowMs = 0;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    wallMs: () => 1_800_000_000_000 + nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      sleptMs.push(ms);
      nowMs += ms;
    },
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
