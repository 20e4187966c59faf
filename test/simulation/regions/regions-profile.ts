import { DAY_MS, HOUR_MS, MINUTE_MS } from '../durations.ts';
import { drawProfile, type Profile } from '../profile.ts';
import type { SeededRandom } from '../random.ts';

/** What a run of several regions is made of. */
export interface RegionsProfile {
  /** How storage, machines and networks behave, and how time passes. */
  readonly base: Profile;
  readonly aliases: readonly string[];
  /** Each as target and source. */
  readonly flows: readonly (readonly [target: string, source: string])[];
  readonly policy: 'prefixed' | 'merged';
  readonly partitionCount: number;
  /** Replicators of one flow at once. */
  readonly replicators: number;
  readonly runsPerEra: number;
  readonly commitsPerEra: number;
  readonly trimsPerEra: number;
  /** The chance that a region is cut off from the others for a while, in each burst of work. */
  readonly cutOffRate: number;
}

export function drawRegions(
  random: SeededRandom,
  policy: RegionsProfile['policy'] = random.chance(0.35) ? 'merged' : 'prefixed',
): RegionsProfile {
  const drawn = drawProfile(random.fork());
  const aliases = random.chance(0.35) ? ['a', 'b', 'c'] : ['a', 'b'];
  const both = aliases.flatMap((target) =>
    aliases.filter((source) => source !== target).map((source) => [target, source] as const),
  );
  const ring = aliases.map((target, i) => [target, aliases[(i + 1) % aliases.length] ?? target] as const);
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
    flows: policy === 'merged' || random.chance(0.6) ? both : ring,
    policy,
    partitionCount: random.pick([1, 1, 2]),
    replicators: 1 + random.integer(2),
    runsPerEra: 1 + random.integer(4),
    commitsPerEra: random.integer(6),
    trimsPerEra: policy === 'merged' ? 0 : random.pick([0, 0, 1, 3]),
    cutOffRate: random.pick([0, 0.3]),
  };
}
