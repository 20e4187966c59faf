import type { Codecs } from '../../../lib/record/index.ts';
import type { Rules } from '../../../lib/rules.ts';
import { CALM_NETWORK, type Profile } from '../profile.ts';
import { seededRandom } from '../random.ts';
import { drawRegions, type RegionsProfile } from './regions-profile.ts';
import { type RegionsOutcome, simulateRegions } from './simulate-regions.ts';

export type RegionBreakName = Extract<
  keyof Rules,
  | 'copyAtObservedTail'
  | 'positionFromTail'
  | 'gapFromConsistentLook'
  | 'prefixGuard'
  | 'originsApart'
  | 'syncedOffsetBounded'
  | 'syncedOffsetStays'
>;

export interface RegionBreak {
  readonly policy: RegionsProfile['policy'];
  /** What makes it likely that the rule is needed. */
  readonly conditions?: Partial<RegionsProfile>;
  readonly base?: Partial<Profile>;
  /** The violation that the rule prevents. */
  readonly shows: RegExp;
}

/** Nobody changes anything but records and positions. */
const UNCHANGED: Partial<RegionsProfile> = {
  starts: ['earliest'],
  lateRate: 0,
  growthRate: 0,
  recreationRate: 0,
  haltsPerEra: 0,
  freezesPerEra: 0,
  movers: 0,
  promotes: false,
  lossRate: 0,
  relayRate: 0,
};
const TWO: Partial<RegionsProfile> = {
  ...UNCHANGED,
  aliases: ['a', 'b'],
  flows: [
    ['a', 'b'],
    ['b', 'a'],
  ],
  cutOffRate: 0,
};
const RING: Partial<RegionsProfile> = {
  ...UNCHANGED,
  aliases: ['a', 'b', 'c'],
  flows: [
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'a'],
  ],
  cutOffRate: 0,
};
const BUSY: Partial<Profile> = { eraCount: 2, producesPerEra: 10, thinkMsMax: 2_000 };
const QUIET_STORAGE: Partial<Profile> = { ...BUSY, network: CALM_NETWORK, wallSkewMsMax: 0 };

/** Rules of lib/rules.ts that regions rest on, and under which conditions their lack is seen. */
export const REGION_BREAKS: Readonly<Record<RegionBreakName, RegionBreak>> = {
  copyAtObservedTail: {
    policy: 'prefixed',
    conditions: { ...TWO, trimsPerEra: 3, runsPerEra: 3 },
    base: BUSY,
    shows: /stored .* where .* was next|is not there/,
  },
  positionFromTail: {
    policy: 'prefixed',
    conditions: { ...TWO, runsPerEra: 4, replicators: 2 },
    base: BUSY,
    shows: /was stored twice|was next/,
  },
  gapFromConsistentLook: {
    policy: 'prefixed',
    conditions: { ...TWO, trimsPerEra: 0, runsPerEra: 4 },
    base: { ...QUIET_STORAGE, staleMsMax: 1_000, thinkMsMax: 200 },
    shows: /never came/,
  },
  prefixGuard: {
    policy: 'prefixed',
    conditions: { ...TWO, runsPerEra: 1, replicators: 1 },
    base: { ...QUIET_STORAGE, eraCount: 1, producesPerEra: 1 },
    shows: /has come back/,
  },
  originsApart: {
    policy: 'merged',
    conditions: { ...TWO, partitionCount: 1, runsPerEra: 3, trimsPerEra: 0 },
    base: { ...QUIET_STORAGE, eraCount: 3 },
    shows: /is not at|is too much|, not undefined/,
  },
  syncedOffsetBounded: {
    policy: 'prefixed',
    conditions: { ...TWO, commitsPerEra: 8, runsPerEra: 4 },
    base: BUSY,
    shows: /carried .* beyond/,
  },
  syncedOffsetStays: {
    policy: 'prefixed',
    conditions: { ...RING, commitsPerEra: 8, runsPerEra: 4 },
    base: { ...QUIET_STORAGE, eraCount: 1, producesPerEra: 5 },
    shows: /carried .* committed at/,
  },
};

/** A history under the conditions of a break, with the rule or without it. */
export function simulateBreak(
  name: RegionBreakName,
  how: { readonly seed: number; readonly codecs: Codecs; readonly isBroken: boolean },
): Promise<RegionsOutcome> {
  const { policy, conditions, base } = REGION_BREAKS[name];
  const { seed, codecs, isBroken } = how;
  const drawn = drawRegions(seededRandom(seed ^ 0x5eed), policy);
  const profile = { ...drawn, ...conditions, base: { ...drawn.base, ...base } };
  return simulateRegions({ seed, codecs, profile, ...(isBroken ? { rules: { [name]: false } } : {}) });
}
