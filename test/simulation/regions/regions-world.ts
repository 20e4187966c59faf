import type { EngineParts } from '../../../lib/engine-parts.ts';
import type { Groups } from '../../../lib/groups.ts';
import type { Log } from '../../../lib/log.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, type LogOptions, openLog } from '../../../lib/open-log.ts';
import type { Codecs } from '../../../lib/record/index.ts';
import type { Rules } from '../../../lib/rules.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { Meter } from '../../../lib/storage/meter.ts';
import { type Chaos, createChaos } from '../chaos.ts';
import type { NetworkConduct } from '../network.ts';
import { createProcess, type SimProcess } from '../process.ts';
import { CALM_NETWORK } from '../profile.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import { createScheduler, type Scheduler } from '../scheduler.ts';
import { createStorage, type Storage } from '../storage.ts';
import { createTrace, type Trace } from '../trace.ts';
import type { RegionsProfile } from './regions-profile.ts';

export interface SimRegion {
  readonly alias: string;
  readonly storage: Storage;
  /** Between this region and machines of the others; whoever changes it cuts the region off, or calms the way. */
  readonly abroad: NetworkConduct;
  /** Between this region and its own machines. */
  readonly home: NetworkConduct;
  /** The same for machines on which nothing goes wrong, but that a region is lost for them too. */
  readonly calm: NetworkConduct;
}

/** A process in one region that can reach the others. */
export interface Machine {
  readonly process: SimProcess;
  /** Whether it has ever stood still. */
  readonly hasSlept: () => boolean;
  readonly region: SimRegion;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly groups: Groups;
  call(ms?: number): Call;
  /** The engine's parts on the storage of another region, over the network between both. */
  reach(alias: string): EngineParts | undefined;
}

/** What a client was told was stored. */
export interface Acknowledged {
  readonly alias: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly atMs: number;
  readonly texts: readonly string[];
}

/** A time in which something was told to be so, in the region `alias`. */
export interface Told {
  readonly alias: string;
  readonly fromMs: number;
  /** Until somebody began to change it again. */
  toMs: number;
}

/** A flow that was told to be paused, or to be there no more. */
export interface Halt extends Told {
  readonly source: string;
}

/** A region whose copies in another, `alias`, were promoted. */
export interface Promoted {
  readonly source: string;
  readonly alias: string;
}

/** A process that copies. */
export interface Replicator {
  readonly target: string;
  readonly source: string;
  readonly startedMs: number;
  /** Whether it was ever frozen, or its networks are such that a look at its flow may fail. */
  isDisturbed(): boolean;
}

/** Records that a member of the group that moves was given. */
export interface Delivery {
  readonly alias: string;
  readonly atMs: number;
  readonly texts: readonly string[];
}

export interface RegionsWorld {
  readonly seed: number;
  readonly profile: RegionsProfile;
  readonly rules: Rules;
  readonly codecs: Codecs;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly chaos: Chaos;
  readonly startMs: number;
  readonly eraStartsMs: readonly number[];
  readonly regions: ReadonlyMap<string, SimRegion>;
  readonly acknowledged: Acknowledged[];
  /** When a flow was first asked for, by target and source. */
  readonly flowsSince: Map<string, Map<string, number>>;
  readonly halts: Halt[];
  readonly freezes: Told[];
  /** By the name of its process. */
  readonly replicators: Map<string, Replicator>;
  readonly deliveries: Delivery[];
  readonly surprises: string[];
  readonly next: () => number;
  region(alias: string): SimRegion;
  /** The region that is lost, if one is. */
  lost: string | undefined;
  promoted: Promoted | undefined;
  /** `steady`: as if the region were never lost, for what storage itself would do, and for checkers. */
  machine(alias: string, name: string, how: 'steady' | 'calm' | 'mortal'): Promise<Machine>;
}

const START_MS = 1_772_323_200_000;

export function createRegionsWorld(parts: {
  readonly seed: number;
  readonly profile: RegionsProfile;
  readonly rules: Rules;
  readonly codecs: Codecs;
}): RegionsWorld {
  const { profile, rules, codecs, seed } = parts;
  const { base } = profile;
  const random = seededRandom(seed);
  const scheduler = createScheduler(random.fork(), START_MS);
  const trace = createTrace(scheduler);
  const eraStartsMs = [START_MS];
  for (let era = 0; era < base.eraCount; era += 1) {
    eraStartsMs.push((eraStartsMs.at(-1) ?? START_MS) + random.pick(base.gapsMs));
  }
  const chaos = createChaos(scheduler, random.fork(), base, eraStartsMs);
  const { staleMsMax, pageCutRate: pageCut, expiryLateMsMax, inlineBytesBreakEven, wallSkewMsMax } = base;
  const conduct = { staleMsMax, pageCut, expiryLateMsMax };
  const regions = new Map<string, SimRegion>();
  for (const alias of profile.aliases) {
    const tools = { scheduler, random: random.fork(), trace };
    const storage = createStorage(tools, conduct, inlineBytesBreakEven);
    const latencyMs = random.pick([3, 80]);
    regions.set(alias, {
      ...{ alias, storage },
      abroad: { ...base.network, latencyMs },
      home: { ...base.network },
      calm: { ...CALM_NETWORK },
    });
  }
  const region = (alias: string): SimRegion => {
    const found = regions.get(alias);
    if (found === undefined) throw new RangeError(`no region ${alias}`);
    return found;
  };
  let count = 0;
  const next = (): number => {
    count += 1;
    return count;
  };
  const machine: RegionsWorld['machine'] = async (alias, name, how) => {
    const home = region(alias);
    const isCalm = how !== 'mortal';
    let hasSlept = false;
    const beforeStep = (one: SimProcess): void => {
      chaos.beforeStep(one);
      hasSlept ||= one.state === 'frozen';
    };
    const process = createProcess(scheduler, random.fork(), trace, {
      name: `${alias}/${name}`,
      wallSkewMs: isCalm ? 0 : random.between(-1, 1) * wallSkewMsMax,
      ...(isCalm ? {} : { beforeStep }),
    });
    const optionsOn = ({ storage }: SimRegion, network: NetworkConduct): LogOptions => {
      const { within: _, ...ports } = storage.ports(process, network);
      const { producerReplayChunksMax } = base;
      const ambient = { clock: process.clock, random: process.random, codecs, rules };
      return { ...ports, ...ambient, producerReplayChunksMax, clusterId: alias };
    };
    const call = (ms = 30_000): Call => ({
      meter: new Meter(),
      deadlineMs: process.clock.monotonicMs() + ms,
    });
    const options = optionsOn(home, how === 'steady' ? CALM_NETWORK : isCalm ? home.calm : home.home);
    const own = engineParts(options);
    const log = await openLog(options, call());
    return {
      hasSlept: () => hasSlept,
      ...{ process, region: home, parts: own, log, call },
      groups: openGroups(own, log),
      reach: (other) => {
        const there = regions.get(other);
        return there && engineParts(optionsOn(there, isCalm ? there.calm : there.abroad));
      },
    };
  };
  return {
    ...{ seed, profile, rules, codecs, scheduler, random, trace, chaos, eraStartsMs, regions },
    ...{
      startMs: START_MS,
      acknowledged: [],
      flowsSince: new Map(),
      halts: [],
      freezes: [],
      replicators: new Map(),
      deliveries: [],
      surprises: [],
      lost: undefined,
      promoted: undefined,
      next,
      region,
      machine,
    },
  };
}
