import { HOUR_MS, MINUTE_MS, SECOND_MS } from './durations.ts';
import type { SeededRandom } from './random.ts';

/** Who reads in groups, and what becomes of them. Rates are per round of one member. */
export interface GroupProfile {
  /** None: nobody does. */
  readonly groupIds: readonly string[];
  readonly membersPerGroup: number;
  /** Of one member in one burst: a heartbeat, a fetch from each partition or so, a commit. */
  readonly roundsPerEra: number;
  /** Between two rounds, at most. */
  readonly pauseMsMax: number;
  readonly sessionTimeoutMs: number;
  readonly assignors: readonly string[];
  /** The chance that a member keeps its name when it comes back. */
  readonly staticRate: number;
  readonly regexRate: number;
  readonly commitRate: number;
  /** It stops between a fetch and the commit, for that long, and knows nothing of it. */
  readonly napRate: number;
  readonly napMsMax: number;
  /** It is gone and has told nobody; another takes its place. */
  readonly deathRate: number;
  readonly leaveRate: number;
  /** The chance that a member is still one when the next burst begins, as far as it knows. */
  readonly stayRate: number;
  /** Deletions, resets and looks by others. */
  readonly actsPerEra: number;
}

export const NO_GROUPS: GroupProfile = {
  groupIds: [],
  membersPerGroup: 2,
  roundsPerEra: 8,
  pauseMsMax: 2 * SECOND_MS,
  sessionTimeoutMs: 45 * SECOND_MS,
  assignors: ['uniform'],
  staticRate: 0,
  regexRate: 0,
  commitRate: 0.7,
  napRate: 0,
  napMsMax: 2 * MINUTE_MS,
  deathRate: 0,
  leaveRate: 0,
  stayRate: 0,
  actsPerEra: 0,
};

/** The group in which records are dealt with exactly once. */
export const INBOX = 'inbox';
/** The group that has positions and no members. */
export const OUTSIDE = 'outside';

/** A third of all runs have groups. */
export function drawGroups(random: SeededRandom): GroupProfile {
  if (random.chance(2 / 3)) return NO_GROUPS;
  const sessionTimeoutMs = random.pick([6, 20, 45, 300, 1_800]) * SECOND_MS;
  return {
    groupIds: random.pick([
      ['billing'],
      ['billing'],
      ['billing', 'audit'],
      [INBOX],
      ['billing', INBOX],
      ['billing', OUTSIDE],
    ]),
    membersPerGroup: 1 + random.integer(3),
    roundsPerEra: 3 + random.integer(8),
    pauseMsMax: random.pick([10, 500, sessionTimeoutMs / 4]),
    sessionTimeoutMs,
    assignors: random.pick([['uniform'], ['range'], ['uniform', 'range']]),
    staticRate: random.pick([0, 0.5, 1]),
    regexRate: random.pick([0, 0.5]),
    commitRate: random.pick([0.3, 0.7, 1]),
    napRate: random.pick([0, 0.05, 0.15]),
    napMsMax: random.pick([30 * SECOND_MS, 2 * sessionTimeoutMs, 3 * HOUR_MS]),
    deathRate: random.pick([0, 0.03, 0.1]),
    leaveRate: random.pick([0, 0.05]),
    stayRate: random.pick([0, 0.3]),
    actsPerEra: random.pick([0, 0, 1, 3]),
  };
}
