// The engine loads it when a subscription first needs it, which takes real time; from here on it is there.
import 're2js';
import type { Codecs } from '../../lib/record/index.ts';
import { ALL_RULES, type Rules } from '../../lib/rules.ts';
import { check } from './checkers.ts';
import { runDeleter } from './deleters.ts';
import { runDisasters } from './disasters.ts';
import { INBOX, OUTSIDE } from './group-profile.ts';
import { runGroupTender } from './group-tender.ts';
import { verifyGroups } from './group-verifier.ts';
import { runIdempotentProducer } from './idempotent.ts';
import { runInboxMember } from './inbox.ts';
import type { JobName } from './jobs.ts';
import { runGuard, runMaintainer } from './maintainers.ts';
import { runMember } from './members.ts';
import { runOutsider } from './outsider.ts';
import { drawProfile, type Profile } from './profile.ts';
import { seededRandom } from './random.ts';
import { runReader } from './readers.ts';
import { reportText } from './report.ts';
import { createTopic, runTopicChanger, runTopicTuner } from './topics.ts';
import { runVandal } from './vandal.ts';
import { verify } from './verifier.ts';
import type { Violation } from './violation.ts';
import { createWorld, type World } from './world.ts';
import { runWriter } from './writers.ts';

export interface RunOptions {
  readonly seed: number;
  readonly codecs: Codecs;
  /** @default drawn from the seed */
  readonly profile?: Profile;
  /** @default all of them */
  readonly rules?: Rules;
  /** Lets a test look inside. */
  readonly onWorld?: (world: World) => void;
}

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly eventCount: number;
  readonly produceCount: number;
  readonly acknowledgedCount: number;
  readonly fetchCount: number;
  readonly virtualMs: number;
  readonly fingerprint: string;
  /** What happened around the first violation. */
  readonly report: () => string;
}

const EVENTS_MAX = 2_000_000;
const SETTLE_MS = 3_600_000;

/** One run: the real engine in several processes on one simulated storage. The same options give the same outcome. */
export async function simulate(options: RunOptions): Promise<Outcome> {
  const { seed, codecs, rules = ALL_RULES } = options;
  const profile = options.profile ?? drawProfile(seededRandom(seed ^ 0x5eed));
  const world = createWorld({ seed, profile, rules, codecs });
  options.onWorld?.(world);
  const late: Violation[] = [];
  let over = false;
  const unhandled = (error: unknown): void => {
    world.history.surprises.push({
      process: '?',
      what: 'unhandled rejection',
      atMs: world.scheduler.nowMs,
      error,
    });
  };
  process.on('unhandledRejection', unhandled);
  try {
    void script(world).then((violations) => {
      late.push(...violations);
      over = true;
    });
    const end = await world.scheduler.run(() => over, { eventsMax: EVENTS_MAX });
    if (end !== 'done')
      late.push({ invariant: 'I10', message: `the run is ${end}`, atMs: world.scheduler.nowMs });
  } finally {
    process.off('unhandledRejection', unhandled);
  }
  const violations = [...check(world), ...late];
  return {
    seed,
    violations,
    eventCount: world.scheduler.eventCount,
    produceCount: world.history.produces.length,
    acknowledgedCount: world.history.produces.filter(({ outcome }) => outcome.kind === 'acknowledged').length,
    fetchCount: world.history.fetches.length,
    virtualMs: world.scheduler.nowMs - world.startMs,
    fingerprint: world.scheduler.fingerprint,
    report: () => reportText(world, violations),
  };
}

function jobsOf(profile: Profile): JobName[] {
  return Object.keys(profile.jobsPerEra) as JobName[];
}

function membersOf(world: World, groupId: string): Promise<void>[] {
  const { random, profile } = world;
  if (groupId === OUTSIDE) return [runOutsider(world, random.fork())];
  return Array.from({ length: profile.groups.membersPerGroup }, (_, number) =>
    groupId === INBOX
      ? runInboxMember(world, random.fork())
      : runMember(world, random.fork(), { groupId, number }),
  );
}

async function script(world: World): Promise<Violation[]> {
  const { profile, random, scheduler } = world;
  const setup = world.pool.startCalm('setup', world.calmNetwork);
  for (const name of profile.topicNames) await createTopic(world, random.fork(), name, () => setup);

  void runGuard(world, random.fork());
  const times = (count: number, run: () => Promise<void>): Promise<void>[] =>
    Array.from({ length: count }, run);
  await Promise.all([
    ...times(profile.writerCount, () => runWriter(world, random.fork())),
    runVandal(world, random.fork()),
    ...times(profile.readerCount, () => runReader(world, random.fork())),
    ...jobsOf(profile).flatMap((job) =>
      times(profile.maintainerCount, () => runMaintainer(world, random.fork(), job)),
    ),
    runDeleter(world, random.fork()),
    runDisasters(world, random.fork()),
    ...profile.topicNames.map((name) => runTopicTuner(world, random.fork(), name)),
    ...profile.topicNames.flatMap((name) =>
      times(profile.topicChangerCount, () => runTopicChanger(world, random.fork(), name)),
    ),
    ...times(profile.producerCount, () => runIdempotentProducer(world, random.fork())),
    ...profile.groups.groupIds.flatMap((groupId) => [
      ...membersOf(world, groupId),
      runGroupTender(world, random.fork(), groupId),
    ]),
  ]);
  world.chaos.stop();
  const endMs = Math.max(scheduler.nowMs, world.eraStartsMs.at(-1) ?? 0) + SETTLE_MS;
  await scheduler.sleep(endMs - scheduler.nowMs);
  return [...(await verify(world, random.fork())), ...(await verifyGroups(world, random.fork()))];
}
