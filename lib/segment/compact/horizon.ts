import type { Observation } from '../../storage/observation.ts';

/**
 * At `completedAtMs` every segment below `cleanTo` had been compacted: from then on no record that a tombstone below
 * `cleanTo` deletes is left, and the tombstone's own time runs.
 */
export interface CleanPoint {
  readonly cleanTo: number;
  readonly completedAtMs: number;
}

/** Points are spread over `delete.retention.ms`: a tombstone may live a fraction of it longer, never shorter. */
export const POINTS_MAX = 32;

/**
 * Tombstones below this offset may go: they have been there for `delete.retention.ms` since nothing that they delete was
 * left. 0: none.
 */
export function tombstoneEnd(points: readonly CleanPoint[], expiredBeforeMs: number): number {
  return points
    .filter((point) => point.completedAtMs <= expiredBeforeMs)
    .reduce((end, point) => Math.max(end, point.cleanTo), 0);
}

/**
 * The points with a new one, in bounded number. Of those that have expired only the furthest counts. Leaving out another
 * one only lets tombstones live until the one behind it, so the two that are closest in time become one.
 */
export function withPoint(
  points: readonly CleanPoint[],
  added: CleanPoint,
  expiredBeforeMs: number,
): readonly CleanPoint[] {
  const expiredEnd = tombstoneEnd(points, expiredBeforeMs);
  const kept = points.filter(
    (point) => point.completedAtMs > expiredBeforeMs || point.cleanTo === expiredEnd,
  );
  const all = [...kept.filter((point) => point.cleanTo < added.cleanTo), added];
  while (all.length > POINTS_MAX) all.splice(closest(all), 1);
  return all;
}

/** The inner point whose neighbours are the least apart in time. */
function closest(points: readonly CleanPoint[]): number {
  let best = 1;
  let bestMs = Number.POSITIVE_INFINITY;
  for (let i = 1; i < points.length - 1; i += 1) {
    const gapMs = (points[i + 1]?.completedAtMs ?? 0) - (points[i - 1]?.completedAtMs ?? 0);
    if (gapMs >= bestMs) continue;
    best = i;
    bestMs = gapMs;
  }
  return best;
}

/** The earliest and the latest time that it can be, by this machine's clock and by storage's. */
export function timeRange(
  wallMs: number,
  observation: Observation,
): { readonly earliestMs: number; readonly latestMs: number } {
  const serverMs = observation.serverMs ?? wallMs;
  return { earliestMs: Math.min(wallMs, serverMs), latestMs: Math.max(wallMs, serverMs) };
}
