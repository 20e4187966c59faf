// The engine loads it when a flow first needs it, which takes real time; from here on it is there.
import 're2js';
import type { Codecs } from '../../../lib/record/index.ts';
import { ALL_RULES, type Rules } from '../../../lib/rules.ts';
import { seededRandom } from '../random.ts';
import { checkBegins } from './check-begins.ts';
import { checkCarried, checkSources } from './check-carried.ts';
import { checkCopies } from './check-copies.ts';
import { checkHalts } from './check-halts.ts';
import { checkMerged } from './check-merged.ts';
import { checkMovers } from './check-movers.ts';
import { checkPromoted } from './check-promoted.ts';
import { checkVectors } from './check-vectors.ts';
import { type Evidence, evidenceOf, type Left, readAll } from './evidence.ts';
import { runPromotion } from './promotion.ts';
import { runFlowAdmin, runFreezer, runTopicAdmin } from './region-admins.ts';
import { homeTopic, runCommitter, runTrimmer, runWriter } from './region-clients.ts';
import { runCuts, runGuard, runLoss, runMaintenance, runReplicators } from './region-machines.ts';
import { readToTheEnd, runMover } from './region-movers.ts';
import { drawRegions, type RegionsProfile } from './regions-profile.ts';
import { createRegionsWorld, type RegionsWorld } from './regions-world.ts';
import { settle } from './settle.ts';

export interface RegionsOptions {
  readonly seed: number;
  readonly codecs: Codecs;
  /** @default drawn from the seed */
  readonly profile?: RegionsProfile;
  /** @default all of them */
  readonly rules?: Partial<Rules>;
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

/** One history of several regions and all their flows, and what is wrong with it; the same options give the same history. */
export async function simulateRegions(options: RegionsOptions): Promise<RegionsOutcome> {
  const { evidence, problems } = await historyOf(options);
  const { world } = evidence;
  return {
    ...{ seed: options.seed, profile: world.profile },
    violations: [...world.surprises, ...problems, ...violationsIn(evidence)],
    virtualMs: world.scheduler.nowMs - world.startMs,
    eventCount: world.scheduler.eventCount,
    copiedCount: copiedCount(evidence),
    carriedCount: carriedCount(world),
  };
}

/** What came of it all, and what went wrong before anybody looked. */
export async function historyOf(
  options: RegionsOptions,
): Promise<{ readonly evidence: Evidence; readonly problems: readonly string[] }> {
  const { seed, codecs } = options;
  const profile = options.profile ?? drawRegions(seededRandom(seed ^ 0x5eed));
  const world = createRegionsWorld({ seed, profile, codecs, rules: { ...ALL_RULES, ...options.rules } });
  const problems: string[] = [];
  let left: Left | undefined;
  let isOver = false;
  const script = async (): Promise<void> => {
    try {
      await live(world);
      problems.push(...(await settle(world)));
      problems.push(...(await readLast(world)));
      left = await readAll(world);
    } catch (cause) {
      problems.push(`the run has failed: ${cause instanceof Error ? cause.stack : String(cause)}`);
    }
    isOver = true;
  };
  void script();
  const end = await world.scheduler.run(() => isOver, { eventsMax: EVENTS_MAX });
  if (end !== 'done') problems.push(`the run is ${end}`);
  return { evidence: evidenceOf(world, left ?? new Map()), problems };
}

/** What the checkers have to say, all of them. */
export function violationsIn(evidence: Evidence): readonly string[] {
  const { profile } = evidence.world;
  return [
    ...checkSources(evidence),
    ...checkCarried(evidence),
    ...checkCopies(evidence),
    ...checkBegins(evidence),
    ...checkPromoted(evidence),
    ...checkHalts(evidence),
    ...checkMovers(evidence, lastRegion(profile)),
    ...(profile.policy === 'merged' ? [...checkMerged(evidence), ...checkVectors(evidence)] : []),
  ];
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
    runPromotion(world, random.fork()),
    ...Array.from({ length: profile.movers }, () => runMover(world, random.fork())),
    ...flows.flatMap((flow) => [
      runFlowAdmin(world, random.fork(), flow),
      ...Array.from({ length: profile.replicators }, () => runReplicators(world, random.fork(), flow)),
    ]),
  ]);
}

/** Where the group that moves is in the end, if there is one. */
function lastRegion({ movers, aliases }: RegionsProfile): string | undefined {
  return movers === 0 ? undefined : aliases.at(-1);
}

async function readLast(world: RegionsWorld): Promise<readonly string[]> {
  const alias = lastRegion(world.profile);
  return alias === undefined ? [] : readToTheEnd(world, alias);
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
