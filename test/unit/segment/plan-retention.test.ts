import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Extent,
  planRetention,
  type RetentionSettings,
  type RetentionView,
  wantsMoreChunks,
} from '../../../lib/segment/retain/plan-retention.ts';

const NOW = 1_000_000;
const FOR_EVER: RetentionSettings = {
  isDeleted: true,
  retentionMs: -1,
  retentionBytes: -1,
  segmentBytes: 1_000,
  hotRetentionMs: 86_400_000,
};

const extent = (endOffset: number, bytes: number, ageMs = 0): Extent => ({
  endOffset,
  bytes,
  timestampMs: NOW - ageMs,
});

const viewOf = (segments: readonly Extent[], chunks: readonly Extent[] = []): RetentionView => ({
  logStart: 0,
  segments,
  chunks,
  isWhole: true,
});

describe('where a log begins by time', () => {
  it('is behind the last segment of which every record is too old', () => {
    const view = viewOf([extent(10, 1, 500), extent(20, 1, 301), extent(30, 1, 300), extent(40, 1, 900)]);
    expect(planRetention(view, { ...FOR_EVER, retentionMs: 300 }, NOW)).toBe(20);
  });

  it('goes on into the unsealed chunks, one by one, up to the end', () => {
    const view = viewOf([extent(10, 1, 500)], [extent(11, 1, 400), extent(12, 1, 400), extent(13, 1, 1)]);
    expect(planRetention(view, { ...FOR_EVER, retentionMs: 300 }, NOW)).toBe(12);
    expect(planRetention(view, { ...FOR_EVER, retentionMs: 0 }, NOW)).toBe(13);
  });

  it('waits for records of the future', () => {
    const view = viewOf([extent(10, 1, -5_000), extent(20, 1, 900)]);
    expect(planRetention(view, { ...FOR_EVER, retentionMs: 300 }, NOW)).toBe(0);
  });

  it('passes what has no record left', () => {
    const empty = { endOffset: 10, bytes: 0, timestampMs: Number.NEGATIVE_INFINITY };
    expect(planRetention(viewOf([empty, extent(20, 5, 1)]), { ...FOR_EVER, retentionMs: 300 }, NOW)).toBe(10);
  });
});

describe('where a log begins by size', () => {
  const settings = { ...FOR_EVER, retentionBytes: 250 };

  it('is as far as at least retention.bytes remain, unsealed bytes included', () => {
    const segments = [extent(10, 100), extent(20, 100), extent(30, 100)];
    expect(planRetention(viewOf(segments), settings, NOW)).toBe(0);
    expect(planRetention(viewOf(segments, [extent(31, 50)]), settings, NOW)).toBe(10);
    expect(planRetention(viewOf(segments, [extent(31, 149)]), settings, NOW)).toBe(10);
    expect(planRetention(viewOf(segments, [extent(31, 150)]), settings, NOW)).toBe(20);
  });

  it('never cuts what is unsealed, but for a size of 0, which keeps nothing', () => {
    const view = viewOf([extent(10, 100)], [extent(11, 900), extent(12, 900)]);
    expect(planRetention(view, settings, NOW)).toBe(10);
    expect(planRetention(view, { ...settings, retentionBytes: 0 }, NOW)).toBe(12);
    expect(planRetention({ ...view, isWhole: false }, { ...settings, retentionBytes: 0 }, NOW)).toBe(10);
  });
});

describe('every log', () => {
  const extents = fc.array(
    fc.record({
      bytes: fc.nat(200),
      ageMs: fc.integer({ min: -50, max: 1_000 }),
      offsets: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 12 },
  );
  const logs = fc
    .record({ all: extents, sealedShare: fc.double({ min: 0, max: 1, noNaN: true }), begin: fc.nat(20) })
    .map(({ all, sealedShare, begin }) => {
      let endOffset = begin;
      const placed = all.map(({ bytes, ageMs, offsets }) => {
        endOffset += offsets;
        return extent(endOffset, bytes, ageMs);
      });
      const sealed = Math.floor(sealedShare * placed.length);
      return { ...viewOf(placed.slice(0, sealed), placed.slice(sealed)), logStart: begin };
    });
  const policies = fc.record({
    isDeleted: fc.boolean(),
    retentionMs: fc.integer({ min: -1, max: 900 }),
    retentionBytes: fc.integer({ min: -1, max: 900 }),
    segmentBytes: fc.integer({ min: 1, max: 500 }),
    hotRetentionMs: fc.constant(86_400_000),
  });
  const bytesOf = (kept: readonly Extent[]): number => kept.reduce((total, { bytes }) => total + bytes, 0);

  it('loses only what is too old or too much, and never more', () => {
    fc.assert(
      fc.property(logs, policies, (view, settings) => {
        const start = planRetention(view, settings, NOW);
        const all = [...view.segments, ...view.chunks];
        const gone = all.filter(({ endOffset }) => endOffset <= start);
        const kept = all.slice(gone.length);
        expect([view.logStart, ...all.map(({ endOffset }) => endOffset)]).toContain(start);
        if (!settings.isDeleted) expect(gone).toEqual([]);
        const isOld = ({ timestampMs }: Extent): boolean =>
          settings.retentionMs >= 0 && NOW - timestampMs > settings.retentionMs;
        const lastYoung = gone.findLastIndex((one) => !isOld(one));
        if (lastYoung !== -1) {
          expect(settings.retentionBytes).toBeGreaterThanOrEqual(0);
          expect(bytesOf(all.slice(lastYoung + 1))).toBeGreaterThanOrEqual(settings.retentionBytes);
        }
        // And what remains may not go.
        const [oldest] = kept;
        if (!settings.isDeleted || oldest === undefined) return;
        expect(isOld(oldest)).toBe(false);
        if (settings.retentionBytes >= 0 && view.segments.includes(oldest)) {
          expect(bytesOf(kept.slice(1))).toBeLessThan(settings.retentionBytes);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is asked for no more chunks than change the plan, and for as many as do', () => {
    fc.assert(
      fc.property(logs, policies, (log, settings) => {
        // What is unsealed never grows beyond a segment and one chunk more.
        const chunks = log.chunks.filter((_, i) => bytesOf(log.chunks.slice(0, i)) < settings.segmentBytes);
        const whole = { ...log, chunks };
        let read = 0;
        const seen = (): RetentionView => ({
          ...whole,
          chunks: chunks.slice(0, read),
          isWhole: read > chunks.length,
        });
        while (wantsMoreChunks(seen(), settings, NOW)) read += 1;
        const planned = planRetention(seen(), settings, NOW);
        const full = planRetention(whole, settings, NOW);
        expect(planned).toBeLessThanOrEqual(full);
        // The last chunk may bring more than a segment's worth; then the next run sees it sealed.
        if (bytesOf(chunks) <= settings.segmentBytes) expect(planned).toBe(full);
      }),
      { numRuns: 2_000 },
    );
  });

  it('begins no earlier when time goes by', () => {
    fc.assert(
      fc.property(logs, policies, fc.nat(2_000), (view, settings, ms) => {
        expect(planRetention(view, settings, NOW + ms)).toBeGreaterThanOrEqual(
          planRetention(view, settings, NOW),
        );
      }),
    );
  });
});
