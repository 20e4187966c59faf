import { ALL_RULES, type Rules } from '../../lib/rules.ts';
import type { Break } from './break.ts';
import { DAY_MS } from './durations.ts';
import { GROUP_BREAKS } from './group-breaks.ts';
import { CALM, CALM_NETWORK, type Profile } from './profile.ts';
import type { Violation } from './violation.ts';

/** A rule, or what else it keeps from happening. */
/** Rules of copying between regions, which need two of them. */
type RegionRule =
  | 'copyAtObservedTail'
  | 'positionFromTail'
  | 'gapFromConsistentLook'
  | 'prefixGuard'
  | 'originsApart'
  | 'syncedOffsetBounded'
  | 'syncedOffsetStays';

export type BreakName = Exclude<keyof Rules, RegionRule> | 'segmentFence';

const COMPACTED: Partial<Profile> = {
  eraCount: 3,
  gapsMs: [6 * 3_600_000],
  topicConfigs: {
    'hot.retention.ms': String(DAY_MS),
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0',
  },
  keyCount: 3,
  tombstoneRate: 0.3,
  jobsPerEra: { seal: 4, compact: 4 },
  guardedBy: ['seal', 'compact'],
};

const BREAKS: Readonly<Record<BreakName, Break>> = {
  ...GROUP_BREAKS,
  /** Answers get lost behind writes that took effect, so writers often lose to themselves. */
  tokenCheck: {
    shows: ['I4'],
    conditions: {
      keyedRate: 0,
      network: { ...CALM_NETWORK, brokenAfterRate: 0.3 },
    },
  },
  /** A write took effect unheard, and before it is repeated the process is suspended for longer than the fence. */
  retryAtTail: {
    shows: ['I4'],
    conditions: {
      keyedRate: 0,
      network: { ...CALM_NETWORK, brokenAfterRate: 0.4 },
      freezeRate: 0.02,
      freezeKinds: ['minutes'],
      wallStandsRate: 0,
      monotonicStandsRate: 1,
      mishapsMax: 20,
    },
  },
  /** A process comes back to a tail it knew days ago; the items behind it have expired. */
  fence: {
    shows: ['I6'],
    conditions: {
      eraCount: 4,
      gapsMs: [4 * DAY_MS, 9 * DAY_MS],
      producesPerEra: 3,
      readsPerEra: 1,
    },
  },
  /** A sealer sleeps before its put; meanwhile others seal, and retention drops what they sealed. */
  segmentFence: {
    rules: ['fence', 'firstReference'],
    shows: ['I6'],
    says: /wrote seg#/,
    conditions: {
      eraCount: 4,
      gapsMs: [30 * 3_600_000],
      topicConfigs: { 'hot.retention.ms': String(DAY_MS), 'retention.ms': '60000' },
      processCount: 6,
      writerCount: 1,
      producesPerEra: 4,
      readerCount: 0,
      jobsPerEra: { seal: 12 },
      maintainerCount: 2,
      guardedBy: ['seal', 'retain'],
      freezeRate: 0.03,
      freezeKinds: ['day'],
      wallStandsRate: 0,
      monotonicStandsRate: 1,
      mishapsMax: 30,
    },
  },
  /** Hot retention passes between two bursts: segments alone tell where the log ends. */
  tailRule: {
    shows: ['I6'],
    conditions: {
      eraCount: 3,
      gapsMs: [4 * DAY_MS],
      producesPerEra: 3,
      readsPerEra: 1,
    },
  },
  /** Topics go while several processes are writing to what they resolved a moment ago. */
  closedMarker: {
    shows: ['I3'],
    conditions: {
      eraCount: 2,
      topicChangeRate: 1,
      processCount: 3,
      producesPerEra: 20,
      thinkMsMax: 400,
    },
  },
  /** Sealed objects whose item is written a day later, after the collector has been there. */
  firstReference: {
    shows: ['I7'],
    conditions: {
      eraCount: 2,
      gapsMs: [4 * DAY_MS],
      jobsPerEra: { seal: 6 },
      guardedBy: ['pushExpiry', 'sweep'],
      freezeRate: 0.03,
      freezeKinds: ['day'],
      wallStandsRate: 0.5,
      monotonicStandsRate: 1,
      mishapsMax: 4,
      processCount: 3,
    },
  },
  /** Reads that miss some of the items written last. */
  gapCut: {
    shows: ['I5'],
    conditions: {
      staleMsMax: 2_000,
      writerCount: 4,
      readerCount: 4,
      readsPerEra: 12,
      thinkMsMax: 5,
    },
  },
  /** Writes that fail for good, so that what was counted on never comes. */
  tailAfterAnswer: {
    shows: ['I1', 'I6'],
    conditions: {
      producesPerEra: 12,
      network: { ...CALM_NETWORK, brokenBeforeRate: 0.7, timeoutMs: 300 },
    },
  },
  /** Whoever reads what is being sealed finds no object yet; a sealer that dies leaves it like that. */
  uploadBeforePublish: {
    shows: ['I7'],
    conditions: { jobsPerEra: { seal: 4 } },
  },
  /** Storage loses chunks, and sealers come upon the gap. */
  sealStopsAtGap: {
    shows: ['I3'],
    conditions: { jobsPerEra: { seal: 4 }, chunksLostPerEra: 1, guardedBy: ['pushExpiry', 'seal'] },
  },
  /** Records are deleted before anybody has sealed them. */
  sealFromChainEnd: {
    shows: ['I1'],
    conditions: { jobsPerEra: { seal: 4 }, recordDeletionsPerEra: 3 },
  },
  /** A collector comes by while uploads wait for what will refer to them. */
  sweepGrace: {
    shows: ['I7'],
    conditions: {
      jobsPerEra: { seal: 4, sweep: 12 },
      inlineBytesBreakEven: 100,
      valueBytesMax: 400,
      producesPerEra: 30,
      thinkMsMax: 100,
      network: { ...CALM_NETWORK, slowRate: 0.2, slowMsMax: 1_000 },
    },
  },
  /** Segments that a minute of retention drops, one by one. */
  lastSegmentStays: {
    shows: ['I6'],
    conditions: {
      eraCount: 3,
      topicConfigs: { 'hot.retention.ms': String(DAY_MS), 'retention.ms': '60000' },
      jobsPerEra: { seal: 2, retain: 2 },
      guardedBy: ['seal', 'retain', 'sweep'],
    },
  },
  /** What goes and what refers to it, in the wrong order. */
  unpublishBeforeDelete: {
    shows: ['I7'],
    conditions: {
      eraCount: 3,
      gapsMs: [30 * 3_600_000],
      inlineBytesBreakEven: 100,
      valueBytesMax: 400,
      topicConfigs: { 'hot.retention.ms': String(DAY_MS), 'retention.ms': '60000' },
      jobsPerEra: { seal: 2, retain: 2, sweep: 2 },
      guardedBy: ['seal', 'retain', 'sweep'],
    },
  },
  /** Every pass drops what it should keep. */
  compactionKeepsNewest: {
    shows: ['I8'],
    conditions: COMPACTED,
  },
  /** Others replace what is being compacted. */
  lostSwapRedone: {
    shows: ['I8'],
    conditions: {
      ...COMPACTED,
      eraCount: 1,
      gapsMs: [60_000],
      processCount: 4,
      producesPerEra: 40,
      writerCount: 1,
      readerCount: 0,
      thinkMsMax: 60,
      tombstoneRate: 0,
      jobsPerEra: { seal: 10, compact: 20, staleMerge: 10 },
      maintainerCount: 6,
      guardedBy: ['seal'],
    },
  },
  /** Tombstones go in the pass that removes what they delete. */
  tombstoneHorizon: {
    shows: ['I8'],
    conditions: COMPACTED,
  },
  /** Nobody seals for days; only the expiry keeps what was written. */
  expiryPushedOut: {
    shows: ['I3'],
    conditions: {
      eraCount: 2,
      gapsMs: [4 * DAY_MS],
      guardedBy: ['pushExpiry'],
    },
  },
};

export const BREAK_NAMES: readonly BreakName[] = Object.keys(BREAKS) as BreakName[];

/** How to run without a rule, and what that shows. */
export function breakCase(name: BreakName): {
  readonly rules: Rules;
  readonly profile: Profile;
  /** Whether that is what was to be shown. */
  readonly isShownBy: (violation: Violation) => boolean;
} {
  const { rules, shows, says, conditions } = BREAKS[name];
  const isShownBy = ({ invariant, message }: Violation): boolean =>
    shows.includes(invariant) && (says?.test(message) ?? true);
  const broken = Object.fromEntries((rules ?? [name]).map((rule) => [rule, false]));
  return { rules: { ...ALL_RULES, ...broken }, profile: { ...CALM, name, ...conditions }, isShownBy };
}
