import { describe, expect, it } from 'vitest';
import {
  type CompactSettings,
  compactSettings,
  planCompaction,
  type SegmentExtent,
} from '../../../../lib/segment/compact/plan.ts';

const NOW_MS = 1_000_000;

const settings = (changed: Partial<CompactSettings> = {}): CompactSettings => ({
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: 0,
  ...changed,
});

/** A hundred offsets and `bytes` bytes each, one after another. */
function chain(...extents: readonly Partial<SegmentExtent>[]): SegmentExtent[] {
  return extents.map((extent, i) => ({
    baseOffset: i * 100,
    endOffset: i * 100 + 100,
    bytes: 1_000,
    firstTimestampMs: 1,
    maxTimestampMs: 2,
    ...extent,
  }));
}

describe('the plan of a compaction', () => {
  it('is to clean everything sealed that no pass has seen', () => {
    const plan = planCompaction({ segments: chain({}, {}), logStart: 0, cleanTo: 0 }, settings(), NOW_MS);
    expect(plan).toEqual({ isDue: true, from: 0, limit: 200, dirtyRatio: 1 });
  });

  it('waits until the dirty bytes pass the ratio: at the ratio itself it still waits', () => {
    const log = { segments: chain({}, {}), logStart: 0, cleanTo: 100 };
    expect(planCompaction(log, settings(), NOW_MS)).toMatchObject({ isDue: false, dirtyRatio: 0.5 });
    const lower = settings({ minCleanableDirtyRatio: 0.49 });
    expect(planCompaction(log, lower, NOW_MS)).toMatchObject({ isDue: true, from: 100, limit: 200 });
  });

  it('counts what a map that ended inside a segment has left of it', () => {
    const log = { segments: chain({}, {}), logStart: 0, cleanTo: 150 };
    expect(planCompaction(log, settings(), NOW_MS).dirtyRatio).toBe(0.25);
  });

  it('never goes past the first segment that is younger than the least lag', () => {
    const segments = chain({}, { maxTimestampMs: NOW_MS - 50 }, {});
    const log = { segments, logStart: 0, cleanTo: 0 };
    const lag = (ms: number): CompactSettings => settings({ minCompactionLagMs: ms });
    expect(planCompaction(log, lag(51), NOW_MS)).toMatchObject({ isDue: true, limit: 100, dirtyRatio: 1 });
    expect(planCompaction(log, lag(50), NOW_MS)).toMatchObject({ isDue: true, limit: 300 });
    expect(planCompaction({ ...log, cleanTo: 100 }, lag(51), NOW_MS)).toMatchObject({
      isDue: false,
      from: 100,
      limit: 100,
    });
  });

  it('is due whatever the ratio when the largest lag has passed', () => {
    const segments = chain({ bytes: 1_000_000 }, { firstTimestampMs: NOW_MS - 70 });
    const log = { segments, logStart: 0, cleanTo: 100 };
    const lag = (ms: number): CompactSettings => settings({ maxCompactionLagMs: ms });
    expect(planCompaction(log, lag(70), NOW_MS).isDue).toBe(false);
    expect(planCompaction(log, lag(69), NOW_MS).isDue).toBe(true);
    const leastIsLarger = settings({ maxCompactionLagMs: 69, minCompactionLagMs: 71 });
    expect(planCompaction(log, leastIsLarger, NOW_MS).isDue).toBe(false);
  });

  it('leaves out what lies below the log start, and starts there when that has passed the checkpoint', () => {
    const log = { segments: chain({ bytes: 9_000 }, {}, {}), logStart: 100, cleanTo: 50 };
    expect(planCompaction(log, settings(), NOW_MS)).toMatchObject({ from: 100, dirtyRatio: 1 });
  });

  it('is not due without segments, or when all that is dirty has been emptied', () => {
    expect(planCompaction({ segments: [], logStart: 7, cleanTo: 0 }, settings(), NOW_MS).isDue).toBe(false);
    const log = { segments: chain({}, { bytes: 0 }), logStart: 0, cleanTo: 100 };
    const eager = settings({ minCleanableDirtyRatio: 0 });
    expect(planCompaction(log, eager, NOW_MS).isDue).toBe(false);
  });

  it('does not count an item twice that a merge is about to remove', () => {
    const segments = chain({ endOffset: 200, bytes: 2_000 }, {}, {});
    expect(planCompaction({ segments, logStart: 0, cleanTo: 200 }, settings(), NOW_MS).dirtyRatio).toBe(
      1 / 3,
    );
  });
});

describe('the settings of a compaction', () => {
  it('are there for compact and for compact,delete, and not for delete', () => {
    expect(compactSettings({})).toBeUndefined();
    expect(compactSettings({ 'cleanup.policy': 'compact' })).toEqual({
      minCleanableDirtyRatio: 0.5,
      minCompactionLagMs: 0,
      maxCompactionLagMs: 2 ** 63,
      deleteRetentionMs: 86_400_000,
    });
    expect(compactSettings({ 'cleanup.policy': 'compact,delete' })).toBeDefined();
  });
});
