import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../lib/record/index.ts';
import { DAY_MS } from './durations.ts';
import { CALM, CROWDED, RECREATED } from './profile.ts';
import { simulate } from './run.ts';
import type { World } from './world.ts';

const FIRST_SEEDS = [1, 51, 101, 151, 201];
const codecs = await loadCodecs();

describe('the simulation', () => {
  it('replays the same run for the same seed, and another for another', async () => {
    for (const seed of [3, 21, 47]) {
      const first = await simulate({ seed, codecs });
      const second = await simulate({ seed, codecs });
      const other = await simulate({ seed: seed + 1, codecs });
      expect(second.fingerprint).toBe(first.fingerprint);
      expect(second.eventCount).toBe(first.eventCount);
      expect(other.fingerprint).not.toBe(first.fingerprint);
    }
  });

  it('acknowledges every produce and reads all of it where nothing goes wrong', async () => {
    const outcome = await simulate({ seed: 1, codecs, profile: CALM });
    expect(outcome.report()).toBe('nothing is broken');
    expect(outcome.acknowledgedCount).toBe(outcome.produceCount);
    expect(outcome.produceCount).toBeGreaterThan(15);
  });

  it.each(FIRST_SEEDS)('keeps every promise through the faults of 50 seeds from %i on', async (first) => {
    let acknowledged = 0;
    let virtualMs = 0;
    for (let seed = first; seed < first + 50; seed++) {
      const outcome = await simulate({ seed, codecs });
      expect(outcome.violations, outcome.report()).toEqual([]);
      acknowledged += outcome.acknowledgedCount;
      virtualMs += outcome.virtualMs;
    }
    // The runs must be worth something: storms that let nothing through would prove nothing.
    expect(acknowledged).toBeGreaterThan(50 * 20);
    expect(virtualMs).toBeGreaterThan(50 * 5 * DAY_MS);
  });

  it('gives every record to every group, and deals with it once where it must, in 30 seeds', async () => {
    let takenCount = 0;
    let appliedCount = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const worlds: World[] = [];
      const onWorld = (world: World): unknown => worlds.push(world);
      const outcome = await simulate({ seed, codecs, profile: CROWDED, onWorld });
      expect(outcome.violations, outcome.report()).toEqual([]);
      const groups = worlds[0]?.history.groups;
      takenCount += groups?.takings.filter(({ outcome: { kind } }) => kind === 'taken').length ?? 0;
      appliedCount += groups?.applied.length ?? 0;
    }
    expect(takenCount).toBeGreaterThan(30 * 20);
    expect(appliedCount).toBeGreaterThan(30 * 5);
  });

  it('never brings a deleted topic back, however late a creation arrives, in 200 seeds', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const outcome = await simulate({ seed, codecs, profile: RECREATED });
      expect(outcome.violations, outcome.report()).toEqual([]);
    }
  });
});
