import type { Rules } from '../../lib/rules.ts';
import type { Break } from './break.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from './durations.ts';
import { type GroupProfile, NO_GROUPS } from './group-profile.ts';
import { CALM_NETWORK, type Profile } from './profile.ts';

/** Rules of producers with an id, and of groups. */
type GroupRule = keyof Pick<
  Rules,
  | 'dedupeWindow'
  | 'snapshotBehindChain'
  | 'commitFence'
  | 'takeOverBeforeRead'
  | 'sessionByStorageClock'
  | 'offsetsOutliveQuiet'
>;

const PRODUCING: Partial<Profile> = {
  readerCount: 0,
  processCount: 3,
  producerCount: 2,
  producesPerEra: 20,
};

function reading(processCount: number, more: Partial<GroupProfile>): Partial<Profile> {
  const groups = {
    ...NO_GROUPS,
    groupIds: ['billing'],
    membersPerGroup: 3,
    roundsPerEra: 15,
    commitRate: 1,
    ...more,
  };
  return { readerCount: 0, processCount, partitionCount: 2, producesPerEra: 15, groups };
}

export const GROUP_BREAKS: Readonly<Record<GroupRule, Break>> = {
  /** Several in flight, and answers get lost: what is sent again is not the last that was stored. */
  dedupeWindow: {
    shows: ['I4'],
    says: /for no reason|more than once/,
    conditions: {
      ...PRODUCING,
      writerCount: 0,
      doubledRate: 0.3,
      network: { ...CALM_NETWORK, brokenAfterRate: 0.2 },
    },
  },
  /** Others win the places for which snapshots have been made. */
  snapshotBehindChain: {
    shows: ['I4'],
    says: /put a snapshot/,
    conditions: {
      ...PRODUCING,
      producerReplayChunksMax: 2,
      thinkMsMax: 5,
      network: { ...CALM_NETWORK, brokenAfterRate: 0.1 },
    },
  },
  /** Members fall asleep between a fetch and its commit, for longer than their session. */
  commitFence: {
    shows: ['I12'],
    says: /had taken over/,
    conditions: {
      ...reading(3, {
        pauseMsMax: 1_500,
        sessionTimeoutMs: 6 * SECOND_MS,
        napRate: 0.2,
        napMsMax: 30 * SECOND_MS,
      }),
      thinkMsMax: 4_000,
    },
  },
  /** Partitions change hands all the time, and reads lag behind. */
  takeOverBeforeRead: {
    shows: ['I11'],
    says: /went back/,
    conditions: {
      ...reading(3, { pauseMsMax: 1_000, sessionTimeoutMs: 6 * SECOND_MS, leaveRate: 0.2 }),
      thinkMsMax: 2_000,
      staleMsMax: 5_000,
    },
  },
  /** Every machine has a time of its own. */
  sessionByStorageClock: {
    shows: ['I12'],
    says: /expelled/,
    conditions: {
      ...reading(4, { pauseMsMax: 20 * SECOND_MS, sessionTimeoutMs: 5 * MINUTE_MS }),
      wallSkewMsMax: 40 * MINUTE_MS,
    },
  },
  /** A member that has nothing to commit for nine days, because nobody produces. */
  offsetsOutliveQuiet: {
    shows: ['I11'],
    says: /went away/,
    conditions: {
      ...reading(2, {
        membersPerGroup: 1,
        roundsPerEra: 700,
        pauseMsMax: 29 * MINUTE_MS,
        sessionTimeoutMs: 30 * MINUTE_MS,
      }),
      partitionCount: 1,
      gapsMs: [9 * DAY_MS],
      guardedBy: ['seal', 'expireGroups'],
    },
  },
};
