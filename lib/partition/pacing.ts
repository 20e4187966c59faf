import type { Clock } from '../storage/clock.ts';
import type { Random } from '../storage/random.ts';

/** How long after a loss a writer still counts as having rivals. */
const RIVALRY_MS = 200;
const WRITE_MS_ASSUMED = 4;

/** How one process behaves among rivals for a partition. */
export interface Pacing {
  wrote(write: { readonly ms: number; readonly won: boolean }): void;
  readonly lossesInARow: number;
  /** A lost attempt costs units too: while losing, chunks stay small and inline. */
  readonly isLosing: boolean;
  /**
   * ⚑ A loser learns of the new tail later than the winner does, so a process that keeps winning starves its rivals:
   * one that has lost lately and has more queued pauses 1 to 3 write times after a win. After a loss nobody waits: a
   * writer that waits falls behind the tail.
   */
  pauseMs(queue: { readonly moreQueued: boolean }): number;
}

export function createPacing(clock: Clock, random: Random): Pacing {
  let lossesInARow = 0;
  let lostAtMs = Number.NEGATIVE_INFINITY;
  let writeMs = WRITE_MS_ASSUMED;
  const isLosing = (): boolean => clock.monotonicMs() - lostAtMs < RIVALRY_MS;
  return {
    wrote({ ms, won }) {
      writeMs += (ms - writeMs) / 8;
      lossesInARow = won ? 0 : lossesInARow + 1;
      if (!won) lostAtMs = clock.monotonicMs();
    },
    get lossesInARow() {
      return lossesInARow;
    },
    get isLosing() {
      return isLosing();
    },
    pauseMs({ moreQueued }) {
      const justWon = lossesInARow === 0;
      return justWon && moreQueued && isLosing() ? writeMs * (1 + 2 * random.next()) : 0;
    },
  };
}
