import { describe, expect, it } from 'vitest';
import { loadCodecs } from '../../lib/record/index.ts';
import { ALL_RULES, type Rules } from '../../lib/rules.ts';
import { breakProfile } from './break-profiles.ts';
import { type Outcome, simulate } from './run.ts';
import type { Violation } from './violation.ts';

const SEEDS_MAX = 300;
/** With the rule in force at least this many seeds of the same conditions must hold, and all that led to the failure. */
const SEEDS_THAT_HOLD = 12;
const codecs = await loadCodecs();

/** What is broken when a rule is: the invariants, any of which tells. */
const EXPECTED: Readonly<Partial<Record<keyof Rules, readonly Violation['invariant'][]>>> = {
  tokenCheck: ['I4'],
  retryAtTail: ['I4'],
  fence: ['I6'],
  tailRule: ['I6'],
  closedMarker: ['I3'],
  firstReference: ['I7'],
  gapCut: ['I5'],
  tailAfterAnswer: ['I1', 'I6'],
};

async function firstFailure(rule: keyof Rules): Promise<Outcome | undefined> {
  const rules = { ...ALL_RULES, [rule]: false };
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const outcome = await simulate({ seed, codecs, rules, profile: breakProfile(rule) });
    if (outcome.violations.length > 0) return outcome;
  }
  return undefined;
}

describe.each(Object.keys(EXPECTED) as (keyof Rules)[])('without the rule %s', (rule) => {
  it(`the checkers fail within ${SEEDS_MAX} seeds, and with it they do not`, async () => {
    const failure = await firstFailure(rule);
    expect(failure).toBeDefined();
    const broken = failure?.violations.map(({ invariant }) => invariant) ?? [];
    expect(EXPECTED[rule]?.some((invariant) => broken.includes(invariant))).toBe(true);
    const seeds = Math.max(failure?.seed ?? 0, SEEDS_THAT_HOLD);
    for (let seed = 1; seed <= seeds; seed++) {
      const outcome = await simulate({ seed, codecs, profile: breakProfile(rule) });
      expect(outcome.violations, outcome.report()).toEqual([]);
    }
  });
});
