import type { FlowPolicy } from '../../../lib/flows.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../durations.ts';
import { drawProfile, type Profile } from '../profile.ts';
import type { SeededRandom } from '../random.ts';

export type DrawnStart = 'earliest' | 'latest' | 'offset' | 'timestamp';

/** What a run of several regions is made of. */
export interface RegionsProfile {
  /** How storage, machines and networks behave, and how time passes. */
  readonly base: Profile;
  readonly aliases: readonly string[];
  /** Each as target and source. */
  readonly flows: readonly (readonly [target: string, source: string])[];
  readonly policy: FlowPolicy;
  /** Where copies begin. Anything but `earliest` is for flows that come when there are records. */
  readonly starts: readonly DrawnStart[];
  /** The chance that a flow is created in the middle of the first burst of work. */
  readonly lateRate: number;
  readonly partitionCount: number;
  /** The chance that a region's own topic gets one partition more, in each burst of work. */
  readonly growthRate: number;
  /** The chance that it is deleted and made anew. */
  readonly recreationRate: number;
  /** Of one flow: it is paused, or deleted and created again. */
  readonly haltsPerEra: number;
  /** Of one region, for seconds to minutes. */
  readonly freezesPerEra: number;
  /** Seats of a group that moves from region to region with each burst of work. */
  readonly movers: number;
  /** Replicators of one flow at once. */
  readonly replicators: number;
  readonly runsPerEra: number;
  readonly commitsPerEra: number;
  readonly trimsPerEra: number;
  /** The chance that a region is lost in one of the bursts of work, and comes back only when all else is over. */
  readonly lossRate: number;
  /** Under `identity`: when a region is lost, the other takes over for good, and the one that was lost is made anew. */
  readonly promotes: boolean;
  /** The chance that flows between the others relay a region that is lost; and, now and then, one that is not. */
  readonly relayRate: number;
  /** The chance that a region is cut off from the others for a while, in each burst of work. */
  readonly cutOffRate: number;
}

export function drawRegions(
  random: SeededRandom,
  policy: RegionsProfile['policy'] = drawPolicy(random),
): RegionsProfile {
  const profile = drawAll(random, policy);
  const promotes = policy === 'identity' && profile.aliases.length === 2 && random.chance(0.8);
  return promotes ? { ...profile, ...PROMOTES } : profile;
}

function drawAll(random: SeededRandom, policy: RegionsProfile['policy']): RegionsProfile {
  const drawn = drawProfile(random.fork());
  const aliases = random.chance(0.35) ? ['a', 'b', 'c'] : ['a', 'b'];
  const both = aliases.flatMap((target) =>
    aliases.filter((source) => source !== target).map((source) => [target, source] as const),
  );
  const ring = aliases.map((target, i) => [target, aliases[(i + 1) % aliases.length] ?? target] as const);
  // Under `identity` two ways to one name would be a conflict.
  const isMesh = policy === 'merged' || (policy === 'identity' ? aliases.length === 2 : random.chance(0.6));
  const configs = { 'hot.retention.ms': String(DAY_MS), 'retention.ms': '-1' };
  return {
    base: {
      ...drawn,
      name: 'regions',
      eraCount: 1 + random.integer(3),
      gapsMs: [5 * MINUTE_MS, 90 * MINUTE_MS, 9 * HOUR_MS, 26 * HOUR_MS, 4 * DAY_MS],
      topicConfigs: policy === 'merged' ? configs : drawn.topicConfigs,
      freezeRate: random.pick([0, 0.0005, 0.003]),
      crashRate: random.pick([0, 0.0005, 0.003, 0.01]),
      mishapsMax: random.pick([5, 20, 60]),
      freezeKinds: random.pick([
        ['moment'],
        ['minutes'],
        ['day'],
        ['moment', 'minutes', 'hours', 'day', 'era'],
      ]),
    },
    aliases,
    flows: isMesh ? both : ring,
    policy,
    ...drawChanges(random, policy),
    partitionCount: random.pick([1, 1, 2]),
    replicators: 1 + random.integer(2),
    runsPerEra: 1 + random.integer(4),
    commitsPerEra: random.integer(6),
    trimsPerEra: random.pick([0, 0, 1, 3]),
    promotes: false,
    lossRate: random.pick([0, 0.5, 1]),
    relayRate: policy === 'merged' && aliases.length > 2 ? random.pick([0.5, 1]) : 0,
    cutOffRate: random.pick([0, 0.3]),
  };
}

/** Whoever promotes has one flow each way, and nobody else changes them. */
const PROMOTES: Partial<RegionsProfile> = {
  promotes: true,
  lossRate: 1,
  lateRate: 0,
  recreationRate: 0,
  haltsPerEra: 0,
};

function drawPolicy(random: SeededRandom): FlowPolicy {
  return random.pick(['prefixed', 'prefixed', 'merged', 'merged', 'identity']);
}

/** What people do to regions, topics and flows; each of it is left out of about half of the runs. */
function drawChanges(
  random: SeededRandom,
  policy: FlowPolicy,
): Pick<
  RegionsProfile,
  'starts' | 'lateRate' | 'growthRate' | 'recreationRate' | 'haltsPerEra' | 'freezesPerEra' | 'movers'
> {
  const isMerged = policy === 'merged';
  return {
    starts: isMerged || random.chance(0.5) ? ['earliest'] : ['earliest', 'latest', 'offset', 'timestamp'],
    lateRate: random.pick([0, 0.5, 1]),
    growthRate: random.pick([0, 0, 0.3]),
    // What was merged with a topic that is gone is bound to it for ever.
    recreationRate: isMerged ? 0 : random.pick([0, 0, 0.5]),
    haltsPerEra: random.pick([0, 0, 1, 2]),
    freezesPerEra: random.pick([0, 0, 0, 1]),
    movers: random.pick([0, 1, 1, 2]),
  };
}
