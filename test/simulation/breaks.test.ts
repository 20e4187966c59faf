import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../lib/record/index.ts';
import { BREAK_NAMES, type BreakName, breakCase } from './break-profiles.ts';
import { type Outcome, simulate } from './run.ts';

const SEEDS_MAX = 300;
/** With the rule in force at least this many seeds of the same conditions must hold, and all that led to the failure. */
const SEEDS_THAT_HOLD = 12;
const codecs = await loadCodecs();

async function firstFailure(name: BreakName): Promise<Outcome | undefined> {
  const { rules, profile, isShownBy } = breakCase(name);
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const outcome = await simulate({ seed, codecs, rules, profile });
    if (outcome.violations.some(isShownBy)) return outcome;
  }
  return undefined;
}

describe.each(BREAK_NAMES)('without the rule %s', (name) => {
  it(`the checkers fail within ${SEEDS_MAX} seeds, and with it they do not`, async () => {
    const { profile } = breakCase(name);
    const failure = await firstFailure(name);
    expect(failure).toBeDefined();
    const seeds = Math.max(failure?.seed ?? 0, SEEDS_THAT_HOLD);
    for (let seed = 1; seed <= seeds; seed++) {
      const outcome = await simulate({ seed, codecs, profile });
      expect(outcome.violations, outcome.report()).toEqual([]);
    }
  });
});
