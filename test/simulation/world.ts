import type { Codecs } from '../../lib/record/index.ts';
import type { Rules } from '../../lib/rules.ts';
import { type Chaos, createChaos } from './chaos.ts';
import { createHistory, type History } from './history.ts';
import type { NetworkConduct } from './network.ts';
import { createPool, type Pool } from './pool.ts';
import { CALM_NETWORK, type Profile } from './profile.ts';
import { type SeededRandom, seededRandom } from './random.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createStorage, type Storage } from './storage.ts';
import { createTrace, type Trace } from './trace.ts';

/** Everything of one run. Actors get it whole; each takes a fork of its chance. */
export interface World {
  readonly seed: number;
  readonly profile: Profile;
  readonly rules: Rules;
  readonly codecs: Codecs;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly storage: Storage;
  readonly pool: Pool;
  readonly chaos: Chaos;
  readonly history: History;
  /** For the machines that nothing happens to. */
  readonly calmNetwork: NetworkConduct;
  readonly startMs: number;
  /** When each burst of work begins; the last entry is the end of the run. */
  readonly eraStartsMs: readonly number[];
  /** Numbers for intents, so that every record of the run is unique. */
  readonly nextIntent: () => number;
}

/** 2026-03-01, an arbitrary Sunday. */
const START_MS = 1_772_323_200_000;

export function createWorld(parts: {
  readonly seed: number;
  readonly profile: Profile;
  readonly rules: Rules;
  readonly codecs: Codecs;
}): World {
  const { seed, profile, rules, codecs } = parts;
  const random = seededRandom(seed);
  const scheduler = createScheduler(random.fork(), START_MS);
  const trace = createTrace(scheduler);
  const eraStartsMs = planEras(profile, random.fork());
  const chaos = createChaos(scheduler, random.fork(), profile, eraStartsMs);
  const storage = createStorage(
    { scheduler, random: random.fork(), trace },
    {
      staleMsMax: profile.staleMsMax,
      pageCut: profile.pageCutRate,
      expiryLateMsMax: profile.expiryLateMsMax,
    },
    profile.inlineBytesBreakEven,
  );
  const pool = createPool(
    {
      scheduler,
      random: random.fork(),
      trace,
      network: profile.network,
      wallSkewMsMax: profile.wallSkewMsMax,
      beforeStep: chaos.beforeStep,
      ports: storage.ports,
      codecs,
      rules,
      producerReplayChunksMax: profile.producerReplayChunksMax,
    },
    profile.processCount,
  );
  let intents = 0;
  return {
    seed,
    profile,
    rules,
    codecs,
    scheduler,
    random,
    trace,
    storage,
    pool,
    chaos,
    history: createHistory(),
    calmNetwork: CALM_NETWORK,
    startMs: START_MS,
    eraStartsMs,
    nextIntent: () => intents++,
  };
}

function planEras(profile: Profile, random: SeededRandom): number[] {
  const startsMs = [START_MS];
  for (let era = 0; era < profile.eraCount; era++) {
    startsMs.push((startsMs.at(-1) ?? START_MS) + random.pick(profile.gapsMs));
  }
  return startsMs;
}
