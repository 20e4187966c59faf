import { describe, expect, it } from 'vitest';
import {
  type CleanPoint,
  POINTS_MAX,
  timeRange,
  tombstoneEnd,
  withPoint,
} from '../../../../lib/segment/compact/horizon.ts';

describe('the horizon of tombstones', () => {
  it('is the furthest point that was complete early enough', () => {
    const points = [
      { cleanTo: 10, completedAtMs: 100 },
      { cleanTo: 20, completedAtMs: 200 },
      { cleanTo: 30, completedAtMs: 300 },
    ];
    expect(tombstoneEnd(points, 99)).toBe(0);
    expect(tombstoneEnd(points, 200)).toBe(20);
    expect(tombstoneEnd(points, 1_000)).toBe(30);
  });

  it('keeps of the expired points only the furthest', () => {
    const points = [
      { cleanTo: 10, completedAtMs: 100 },
      { cleanTo: 20, completedAtMs: 200 },
      { cleanTo: 30, completedAtMs: 300 },
    ];
    const added = { cleanTo: 40, completedAtMs: 400 };
    expect(withPoint(points, added, 250)).toEqual([points[1], points[2], added]);
  });

  it('moves on in bounded room, however often a log is compacted, and never early', () => {
    const retentionMs = 1_000;
    let points: readonly CleanPoint[] = [];
    let [slowestMs, most, early] = [0, 0, 0];
    for (let ms = 1; ms <= 10_000; ms += 1) {
      // A pass every millisecond, each reaching as far as the time it is.
      points = withPoint(points, { cleanTo: ms, completedAtMs: ms }, ms - retentionMs);
      most = Math.max(most, points.length);
      const end = tombstoneEnd(points, ms - retentionMs);
      early += end > Math.max(0, ms - retentionMs) ? 1 : 0;
      if (ms > 2 * retentionMs) slowestMs = Math.max(slowestMs, ms - retentionMs - end);
    }
    expect(most).toBe(POINTS_MAX);
    expect(early).toBe(0);
    expect(slowestMs).toBeLessThan(retentionMs / 8);
  });

  it('takes the clock that lets tombstones live longer', () => {
    const observation = { sentWallMs: 0, sentMonotonicMs: 0 };
    expect(timeRange(500, observation)).toEqual({ earliestMs: 500, latestMs: 500 });
    expect(timeRange(500, { ...observation, serverMs: 700 })).toEqual({ earliestMs: 500, latestMs: 700 });
    expect(timeRange(900, { ...observation, serverMs: 700 })).toEqual({ earliestMs: 700, latestMs: 900 });
  });
});
