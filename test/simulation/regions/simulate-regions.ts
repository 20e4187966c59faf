// The engine loads it when a flow first needs it, which takes real time; from here on it is there.
import 're2js';
import type { Codecs } from '../../../lib/record/index.ts';
import { ALL_RULES, type Rules } from '../../../lib/rules.ts';
import { DAY_MS } from '../durations.ts';
import { topicsIn } from '../places.ts';
import { CALM_NETWORK } from '../profile.ts';
import { seededRandom } from '../random.ts';
import { checkBegins } from './check-begins.ts';
import { checkCarried, checkSources } from './check-carried.ts';
import { checkCopies } from './check-copies.ts';
import { checkHalts } from './check-halts.ts';
import { checkMerged, checkRelayed } from './check-merged.ts';
import { checkMovers } from './check-movers.ts';
import { checkVectors } from './check-vectors.ts';
import { evidenceOf, type Left, readAll } from './evidence.ts';
import {
  relay,
  restoreFlow,
  restoreTopic,
  runFlowAdmin,
  runFreezer,
  runTopicAdmin,
  thaw,
  tidy,
} from './region-admins.ts';
import { homeTopic, runCommitter, runTrimmer, runWriter } from './region-clients.ts';
import { copyFlow, runCuts, runGuard, runLoss, runMaintenance, runReplicators } from './region-machines.ts';
import { readToTheEnd, runMover } from './region-movers.ts';
import { drawRegions, type RegionsProfile } from './regions-profile.ts';
import { createRegionsWorld, type RegionsWorld } from './regions-world.ts';

export interface RegionsOptions {
  readonly seed: number;
  readonly codecs: Codecs;
  /** @default drawn from the seed */
  readonly profile?: RegionsProfile;
  /** @default all of them */
  readonly rules?: Partial<Rules>;
  /** Told of the world before anything happens in it: for those who look into what became of it. */
  readonly onWorld?: (world: RegionsWorld) => void;
}

export interface RegionsOutcome {
  readonly seed: number;
  readonly profile: RegionsProfile;
  readonly violations: readonly string[];
  readonly virtualMs: number;
  readonly eventCount: number;
  /** Records that came to stand in another region than the one they were written in. */
  readonly copiedCount: number;
  /** Group positions that were carried over. */
  readonly carriedCount: number;
}

const EVENTS_MAX = 3_000_000;
const CLIENTS = [runWriter, runCommitter, runTrimmer];
/** No machine is frozen for longer. */
const THAW_MS = 4 * DAY_MS;
const ROUNDS_MAX = 40;
/** Of one region: more than three regions' copies of copies, their heartbeats and checkpoints come to. */
const TOPICS_MAX = 20;
/** No eventually consistent read is older. */
const STALE_MS = 60_000;

/** One history of several regions and all their flows; the same options give the same history. */
export async function simulateRegions(options: RegionsOptions): Promise<RegionsOutcome> {
  const { seed, codecs } = options;
  const profile = options.profile ?? drawRegions(seededRandom(seed ^ 0x5eed));
  const world = createRegionsWorld({ seed, profile, codecs, rules: { ...ALL_RULES, ...options.rules } });
  options.onWorld?.(world);
  const late: string[] = [];
  let left: Left | undefined;
  let isOver = false;
  const script = async (): Promise<void> => {
    try {
      await live(world);
      late.push(...(await settle(world)));
      late.push(...(await readLast(world)));
      left = await readAll(world);
    } catch (cause) {
      late.push(`the run has failed: ${cause instanceof Error ? cause.stack : String(cause)}`);
    }
    isOver = true;
  };
  void script();
  const end = await world.scheduler.run(() => isOver, { eventsMax: EVENTS_MAX });
  if (end !== 'done') late.push(`the run is ${end}`);
  const evidence = evidenceOf(world, left ?? new Map());
  const checked = [
    ...checkSources(evidence),
    ...checkCarried(evidence),
    ...checkCopies(evidence),
    ...checkBegins(evidence),
    ...checkHalts(evidence),
    ...checkMovers(evidence, lastRegion(profile)),
    ...(profile.policy === 'merged' ? [...checkMerged(evidence), ...checkVectors(evidence)] : []),
  ];
  return {
    ...{ seed, profile },
    violations: [...world.surprises, ...late, ...checked],
    virtualMs: world.scheduler.nowMs - world.startMs,
    eventCount: world.scheduler.eventCount,
    copiedCount: copiedCount(evidence),
    carriedCount: carriedCount(world),
  };
}

/** Topics and flows, and then everybody at once until the last burst of work is over. */
async function live(world: RegionsWorld): Promise<void> {
  const { profile, random } = world;
  const { aliases, base, flows, partitionCount } = profile;
  for (const alias of aliases) {
    const { log, call } = await world.machine(alias, 'setup', 'calm');
    const name = homeTopic(world, alias);
    await log.createTopic({ name, partitionCount, configs: base.topicConfigs }, call());
  }
  for (const alias of aliases) void runGuard(world, alias);
  await Promise.all([
    ...aliases.flatMap((alias) =>
      [...CLIENTS, runMaintenance, runCuts, runTopicAdmin, runFreezer].map((run) =>
        run(world, random.fork(), alias),
      ),
    ),
    runLoss(world, random.fork()),
    ...Array.from({ length: profile.movers }, () => runMover(world, random.fork())),
    ...flows.flatMap((flow) => [
      runFlowAdmin(world, random.fork(), flow),
      ...Array.from({ length: profile.replicators }, () => runReplicators(world, random.fork(), flow)),
    ]),
  ]);
}

/**
 * Everything is quiet and thawed; then flows run until nothing is left to be copied. A region that is lost stays so until the
 * others have done all that they can do without it.
 */
async function settle(world: RegionsWorld): Promise<readonly string[]> {
  const { chaos, scheduler, profile } = world;
  chaos.stop();
  for (const alias of profile.aliases) if (alias !== world.lost) calmDown(world, alias);
  const lastMs = world.eraStartsMs.at(-1) ?? 0;
  await scheduler.sleep(Math.max(0, lastMs - scheduler.nowMs) + THAW_MS);
  const { lost } = world;
  if (lost === undefined) return settleAmong(world, profile.aliases);
  const survivors = profile.aliases.filter((alias) => alias !== lost);
  const isRelayed = world.random.chance(profile.relayRate);
  const problems = [...(await settleAmong(world, survivors, isRelayed ? [lost] : undefined))];
  if (isRelayed) problems.push(...checkRelayed(world, { lost, survivors }));
  // The group goes on where it can.
  if (profile.movers > 0) problems.push(...(await readToTheEnd(world, survivors[0] ?? lost)));
  world.lost = undefined;
  calmDown(world, lost);
  const stillRelayed = world.random.chance(0.5) ? undefined : [];
  return [...problems, ...(await settleAmong(world, profile.aliases, stillRelayed))];
}

function calmDown(world: RegionsWorld, alias: string): void {
  const { abroad, home, calm } = world.region(alias);
  for (const conduct of [abroad, home, calm]) Object.assign(conduct, CALM_NETWORK);
}

/** `relays`: what all flows relay from now on; undefined: what they do. */
async function settleAmong(
  world: RegionsWorld,
  aliases: readonly string[],
  relays?: readonly string[],
): Promise<readonly string[]> {
  const { scheduler, profile } = world;
  const problems: string[] = [];
  for (const alias of aliases) {
    await restoreTopic(world, alias);
    if (!(await thaw(world, alias))) problems.push(`${alias} does not open`);
  }
  const flows = profile.flows.filter((ends) => ends.every((alias) => aliases.includes(alias)));
  for (const flow of flows) {
    const machine = await world.machine(flow[0], 'settler', 'calm');
    await restoreFlow(world, machine, flow);
    if (relays !== undefined && profile.policy === 'merged') await relay(world, machine, flow, relays);
  }
  let quietRounds = 0;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { copied, stopped } = await settleOnce(world, flows, round === 0);
    quietRounds = copied === 0 ? quietRounds + 1 : 0;
    if (quietRounds === 3) {
      await scheduler.sleep(STALE_MS);
      return [...problems, ...stopped];
    }
    // The checkers tell of it; it need not go on for ever.
    const counts = aliases.map((alias) => topicsIn(world.region(alias).storage, 'active').length);
    if (Math.max(...counts) > TOPICS_MAX) break;
  }
  return ['copying does not come to an end'];
}

/** Where the group that moves is in the end, if there is one. */
function lastRegion({ movers, aliases }: RegionsProfile): string | undefined {
  return movers === 0 ? undefined : aliases.at(-1);
}

async function readLast(world: RegionsWorld): Promise<readonly string[]> {
  const alias = lastRegion(world.profile);
  return alias === undefined ? [] : readToTheEnd(world, alias);
}

/** `withErrands`: groups are carried over too, and heartbeats beat: there is always more to be copied. */
async function settleOnce(
  world: RegionsWorld,
  flows: RegionsProfile['flows'],
  withErrands: boolean,
): Promise<{ readonly copied: number; readonly stopped: readonly string[] }> {
  let copied = 0;
  const lastMs = withErrands ? 20_000 : 600_000;
  const stopped: string[] = [];
  for (const [target, source] of flows) {
    const machine = await world.machine(target, 'settler', 'calm');
    const run = await copyFlow(machine, source, { lastMs, idleMs: 1_000, withErrands });
    const tidied = await tidy(world, machine, [target, source], true);
    copied += run.copiedRecords + tidied + (run.ended === 'idle' ? 0 : 1);
    for (const { topic, state, reason } of run.progress?.topics ?? []) {
      if (state !== 'CAUGHT_UP') stopped.push(`${target}: ${topic} is ${state}: ${reason}`);
    }
  }
  return { copied, stopped };
}

function copiedCount({ world, seen }: ReturnType<typeof evidenceOf>): number {
  let count = 0;
  for (const alias of world.profile.aliases) {
    for (const { records } of seen.get(alias)?.values() ?? []) {
      for (const { text } of records.values()) {
        if (text.includes('#') && !text.startsWith(`${alias}#`)) count += 1;
      }
    }
  }
  return count;
}

function carriedCount({ regions }: RegionsWorld): number {
  return [...regions.values()].reduce(
    (count, { storage }) =>
      count +
      storage.catalog.changes.filter(
        ({ key, item }) => key.pk.startsWith('offsets#') && item?.attributes.r !== undefined,
      ).length,
    0,
  );
}
