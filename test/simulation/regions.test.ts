import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../lib/record/index.ts';
import { HOUR_MS } from './durations.ts';
import { REGION_BREAKS, type RegionBreakName, simulateBreak } from './regions/region-breaks.ts';
import { simulateRegions } from './regions/simulate-regions.ts';

const SEEDS = 8;
const BREAK_SEEDS_MAX = 12;
const codecs = await loadCodecs();

describe('regions and the flows between them', () => {
  it(`keep every promise in ${SEEDS} histories`, async () => {
    const sums = { copied: 0, carried: 0, virtualMs: 0 };
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const outcome = await simulateRegions({ seed, codecs });
      expect(outcome.violations, `seed ${seed}`).toEqual([]);
      sums.copied += outcome.copiedCount;
      sums.carried += outcome.carriedCount;
      sums.virtualMs += outcome.virtualMs;
    }
    // The histories must be worth something: storms that let nothing through would prove nothing.
    expect(sums.copied).toBeGreaterThan(SEEDS * 20);
    expect(sums.carried).toBeGreaterThan(SEEDS);
    expect(sums.virtualMs).toBeGreaterThan(SEEDS * 96 * HOUR_MS);
  });

  it('have the same history for the same seed', async () => {
    const first = await simulateRegions({ seed: 4, codecs });
    const second = await simulateRegions({ seed: 4, codecs });
    expect(second.eventCount).toBe(first.eventCount);
    expect(second.copiedCount).toBe(first.copiedCount);
    expect(second.virtualMs).toBe(first.virtualMs);
  });
});

describe('a broken promise is noticed, and kept with the rule,', () => {
  it.each(Object.keys(REGION_BREAKS) as RegionBreakName[])('without the rule %s', async (name) => {
    const { shows } = REGION_BREAKS[name];
    for (let seed = 1; seed <= BREAK_SEEDS_MAX; seed += 1) {
      const { violations } = await simulateBreak(name, { seed, codecs, isBroken: true });
      if (!violations.some((violation) => shows.test(violation))) continue;
      const held = await simulateBreak(name, { seed, codecs, isBroken: false });
      expect(held.violations, `seed ${seed}`).toEqual([]);
      return;
    }
    expect.fail(`not noticed in ${BREAK_SEEDS_MAX} histories`);
  });
});
