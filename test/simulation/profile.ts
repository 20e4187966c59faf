import { LIMITS } from '../../lib/limits.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from './durations.ts';
import { drawGroups, type GroupProfile, INBOX, NO_GROUPS } from './group-profile.ts';
import type { JobName } from './jobs.ts';
import type { NetworkConduct } from './network.ts';
import type { SeededRandom } from './random.ts';

/** How long a frozen process stays frozen. `era`: until a later burst of work has begun, be it weeks away. */
export type FreezeKind = 'moment' | 'minutes' | 'hours' | 'day' | 'era';

/** What a run is made of: who works, how storage and machines behave, how time passes. */
export interface Profile {
  readonly name: string;
  /** Work comes in bursts; between two of them time jumps. */
  readonly eraCount: number;
  readonly gapsMs: readonly number[];
  readonly processCount: number;
  readonly writerCount: number;
  readonly readerCount: number;
  readonly producesPerEra: number;
  readonly readsPerEra: number;
  /** Between two operations of one actor, at most. */
  readonly thinkMsMax: number;
  readonly topicNames: readonly string[];
  readonly partitionCount: number;
  readonly topicChangeRate: number;
  /** The chance that in a burst somebody changes a topic's configs. */
  readonly topicTuningRate: number;
  /** Clients that delete and re-create the same topic, each for itself. */
  readonly topicChangerCount: number;
  /** What every topic is created with. */
  readonly topicConfigs: Readonly<Record<string, string>>;
  /** The records' keys are drawn from this many; 0: they have none. */
  readonly keyCount: number;
  /** The chance that a record with a key deletes it. */
  readonly tombstoneRate: number;
  /** The chance that a request carries an idempotency key. */
  readonly keyedRate: number;
  /** The chance that a keyed request is sent twice at once, to two processes. */
  readonly doubledRate: number;
  /** The chance that a request names the offset at which it is to be stored. */
  readonly expectedRate: number;
  /** The chance that a request is a part of a client's own transaction. */
  readonly outboxRate: number;
  /** Clients with a producer id. */
  readonly producerCount: number;
  /** Of the engine: chunks that a cold writer may have to replay. */
  readonly producerReplayChunksMax: number;
  readonly groups: GroupProfile;
  readonly attemptsMax: number;
  readonly patienceMs: number;
  readonly valueBytesMax: number;
  readonly inlineBytesBreakEven: number;
  /** On machines that fail, several at once. */
  readonly jobsPerEra: Readonly<Partial<Record<JobName, number>>>;
  /** Schedules, each for itself, that start those jobs. */
  readonly maintainerCount: number;
  /** Jobs of the schedule, on a machine that works. */
  readonly guardedBy: readonly JobName[];
  readonly recordDeletionsPerEra: number;
  /** Chunks that vanish though nobody deletes them. */
  readonly chunksLostPerEra: number;
  /** Requests that no log may accept. */
  readonly badRequestsPerEra: number;
  readonly network: NetworkConduct;
  readonly staleMsMax: number;
  readonly pageCutRate: number;
  readonly expiryLateMsMax: number;
  readonly freezeRate: number;
  readonly freezeKinds: readonly FreezeKind[];
  readonly crashRate: number;
  /** Freezes and crashes in one run, together. */
  readonly mishapsMax: number;
  readonly wallStandsRate: number;
  readonly monotonicStandsRate: number;
  readonly wallSkewMsMax: number;
  readonly wallStepRate: number;
}

export const CALM_NETWORK: NetworkConduct = {
  latencyMs: 3,
  slowRate: 0,
  slowMsMax: 0,
  throttleRate: 0,
  lostRate: 0,
  brokenBeforeRate: 0,
  brokenAfterRate: 0,
  brokenLateRate: 0,
  lateMsMax: 0,
  timeoutMs: 3 * SECOND_MS,
};

export const CALM: Profile = {
  name: 'calm',
  eraCount: 1,
  gapsMs: [5 * MINUTE_MS],
  processCount: 2,
  writerCount: 3,
  readerCount: 2,
  producesPerEra: 6,
  readsPerEra: 6,
  thinkMsMax: 30,
  topicNames: ['orders'],
  partitionCount: 1,
  topicChangeRate: 0,
  topicTuningRate: 0,
  topicChangerCount: 1,
  topicConfigs: { 'hot.retention.ms': String(DAY_MS) },
  keyCount: 0,
  tombstoneRate: 0,
  keyedRate: 0.3,
  doubledRate: 0,
  expectedRate: 0,
  outboxRate: 0,
  producerCount: 0,
  producerReplayChunksMax: LIMITS.producerReplayChunksMax,
  groups: NO_GROUPS,
  attemptsMax: 4,
  patienceMs: 30 * SECOND_MS,
  valueBytesMax: 60,
  inlineBytesBreakEven: 8192,
  jobsPerEra: {},
  maintainerCount: 1,
  guardedBy: ['seal'],
  recordDeletionsPerEra: 0,
  chunksLostPerEra: 0,
  badRequestsPerEra: 0,
  network: CALM_NETWORK,
  staleMsMax: 0,
  pageCutRate: 0,
  expiryLateMsMax: 2 * DAY_MS,
  freezeRate: 0,
  freezeKinds: ['moment'],
  crashRate: 0,
  mishapsMax: 6,
  wallStandsRate: 0.3,
  monotonicStandsRate: 0.5,
  wallSkewMsMax: 0,
  wallStepRate: 0,
};

/** Several clients delete and re-create one topic at once, and often do not hear that they have. */
export const RECREATED: Profile = {
  ...CALM,
  name: 'recreated',
  eraCount: 6,
  topicChangeRate: 1,
  topicChangerCount: 4,
  producesPerEra: 3,
  readsPerEra: 2,
  processCount: 3,
  network: { ...CALM_NETWORK, brokenAfterRate: 0.3, slowRate: 0.1, slowMsMax: SECOND_MS },
};

/** Groups whose members come, sleep through their sessions, die and leave, on machines that crash. */
export const CROWDED: Profile = {
  ...CALM,
  name: 'crowded',
  eraCount: 2,
  processCount: 3,
  readerCount: 0,
  partitionCount: 3,
  producesPerEra: 12,
  thinkMsMax: 3_000,
  staleMsMax: SECOND_MS,
  crashRate: 0.002,
  network: { ...CALM_NETWORK, brokenAfterRate: 0.05, slowRate: 0.05, slowMsMax: SECOND_MS },
  groups: {
    ...NO_GROUPS,
    groupIds: ['billing', INBOX],
    membersPerGroup: 3,
    roundsPerEra: 12,
    pauseMsMax: 2 * SECOND_MS,
    sessionTimeoutMs: 6 * SECOND_MS,
    staticRate: 0.3,
    napRate: 0.1,
    napMsMax: 20 * SECOND_MS,
    deathRate: 0.05,
    leaveRate: 0.05,
    stayRate: 0.3,
  },
};

/** What a schedule may also do; without sealing and pushing nothing that is not sealed would stay. */
const OPTIONAL_JOBS: readonly JobName[] = [
  'compact',
  'merge',
  'retain',
  'sweep',
  'removeDeleted',
  'expireGroups',
];

/**
 * A profile of its own for every seed: each kind of trouble is left out of about half of the runs, because some faults
 * only show where others do not cover them.
 */
export function drawProfile(random: SeededRandom): Profile {
  const maybe = (most: number): number => (random.chance(0.5) ? random.next() * most : 0);
  const stormy = random.chance(0.8);
  return {
    ...CALM,
    name: 'drawn',
    eraCount: 1 + random.integer(5),
    gapsMs: [5 * MINUTE_MS, 90 * MINUTE_MS, 9 * HOUR_MS, 26 * HOUR_MS, 4 * DAY_MS, 20 * DAY_MS],
    processCount: 1 + random.integer(4),
    writerCount: 1 + random.integer(5),
    readerCount: random.integer(4),
    producesPerEra: 2 + random.integer(10),
    readsPerEra: 2 + random.integer(8),
    thinkMsMax: random.pick([1, 20, 200, 5_000]),
    topicNames: random.chance(0.3) ? ['orders', 'clicks'] : ['orders'],
    partitionCount: random.chance(0.3) ? 2 : 1,
    topicChangeRate: random.pick([0, 0, 0.3, 0.6, 1]),
    topicChangerCount: random.pick([1, 1, 2, 3]),
    topicTuningRate: random.pick([0, 0, 0.5]),
    keyedRate: random.pick([0, 0.3, 0.7, 1]),
    doubledRate: maybe(0.3),
    valueBytesMax: random.pick([20, 60, 400]),
    inlineBytesBreakEven: random.pick([8192, 200, 400]),
    topicConfigs: drawConfigs(random),
    keyCount: random.pick([2, 5, 20]),
    tombstoneRate: random.pick([0, 0.2, 0.5]),
    jobsPerEra: {
      seal: random.integer(5),
      pushExpiry: random.pick([0, 0, 1, 2]),
      retain: random.pick([0, 0, 1, 3]),
      sweep: random.pick([0, 0, 1, 3]),
      compact: random.pick([0, 1, 3, 6]),
      merge: random.pick([0, 0, 2, 4]),
      removeDeleted: random.pick([0, 0, 1]),
      expireGroups: random.pick([0, 0, 2]),
    },
    maintainerCount: random.pick([1, 1, 2]),
    guardedBy: ['pushExpiry', 'seal', ...OPTIONAL_JOBS.filter(() => random.chance(0.6))],
    recordDeletionsPerEra: random.pick([0, 0, 1, 3]),
    badRequestsPerEra: random.integer(3),
    network: stormy ? drawNetwork(random, maybe) : CALM_NETWORK,
    staleMsMax: random.pick([0, 20, 1_000, 30_000]),
    pageCutRate: maybe(0.5),
    freezeRate: random.pick([0, 0, 0.003, 0.01, 0.03]),
    freezeKinds: random.pick<readonly FreezeKind[]>([
      ['moment'],
      ['moment', 'minutes', 'hours'],
      ['minutes'],
      ['day'],
      ['era'],
      ['moment', 'minutes', 'hours', 'day', 'era'],
    ]),
    crashRate: random.pick([0, 0, 0.003, 0.01, 0.02]),
    mishapsMax: random.pick([3, 8, 30]),
    wallStandsRate: random.pick([0, 0.3, 1]),
    monotonicStandsRate: random.pick([0, 0.5, 1]),
    wallSkewMsMax: random.pick([0, 5 * SECOND_MS, 10 * MINUTE_MS, 40 * MINUTE_MS]),
    wallStepRate: maybe(0.01),
    producerCount: random.pick([0, 0, 1, 2]),
    producerReplayChunksMax: random.pick([2, 8, LIMITS.producerReplayChunksMax]),
    expectedRate: random.pick([0, 0, 0.3]),
    groups: drawGroups(random),
    outboxRate: random.pick([0, 0, 0.4]),
  };
}

function drawConfigs(random: SeededRandom): Readonly<Record<string, string>> {
  return {
    'hot.retention.ms': String(DAY_MS),
    'retention.ms': String(random.pick([-1, 7 * DAY_MS, 2 * DAY_MS, 30 * HOUR_MS, MINUTE_MS])),
    'retention.bytes': String(random.pick([-1, -1, 0, 500, 3_000])),
    'cleanup.policy': random.pick(['delete', 'compact', 'compact,delete']),
    'delete.retention.ms': String(random.pick([0, 6 * HOUR_MS, 30 * HOUR_MS])),
    'min.cleanable.dirty.ratio': random.pick(['0', '0.5']),
    'min.compaction.lag.ms': String(random.pick([0, 0, HOUR_MS])),
  };
}

function drawNetwork(random: SeededRandom, maybe: (most: number) => number): NetworkConduct {
  return {
    latencyMs: random.pick([1, 3, 15]),
    slowRate: maybe(0.1),
    slowMsMax: random.pick([50, 2 * SECOND_MS, 20 * SECOND_MS]),
    throttleRate: maybe(0.15),
    lostRate: maybe(0.05),
    brokenBeforeRate: maybe(0.1),
    brokenAfterRate: maybe(0.15),
    brokenLateRate: maybe(0.1),
    lateMsMax: random.pick([50, 5 * SECOND_MS, 2 * MINUTE_MS, 16 * MINUTE_MS]),
    timeoutMs: random.pick([300, 3 * SECOND_MS]),
  };
}
