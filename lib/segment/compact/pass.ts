import { readingStored } from '../../partition/faults.ts';
import { readBounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import type { Clock } from '../../storage/clock.ts';
import { type BuildDependencies, buildStep, loadLearned } from './build-step.ts';
import { amendPass, type CleanPass, readCheckpoint, type SeenCheckpoint } from './clean-item.ts';
import { type CompactWork, cleanStep, withoutIndex } from './clean-step.ts';
import { timeRange, tombstoneEnd, withPoint } from './horizon.ts';
import type { Learned } from './map-object.ts';
import { type CompactionPlan, type CompactSettings, planCompaction } from './plan.ts';
import { segmentsOf } from './segments-of.ts';
import { survivors } from './survivors.ts';
import type { SeenSegment } from './vouched.ts';

export interface CompactDependencies extends BuildDependencies {
  readonly clock: Clock;
}

export type CompactOutcome =
  /** `dirtyRatio`: see `planCompaction`. */
  | { readonly kind: 'notDue'; readonly cleanTo: number; readonly dirtyRatio: number }
  /** A pass is complete. `more`: its map was full before the dirty stretch ended. */
  | {
      readonly kind: 'compacted';
      readonly cleanTo: number;
      readonly more: boolean;
      readonly work: CompactWork;
    }
  /** The time is up; the next call goes on where this one ended. */
  | { readonly kind: 'unfinished'; readonly work: CompactWork }
  /** Another compactor has changed the checkpoint; nothing was advanced. */
  | { readonly kind: 'lost' };

/** A segment begun before this part of the time has passed is still finished in time. */
const TIME_SHARE = 0.8;

/**
 * One pass of compaction over a partition, or as much of it as fits into the time until `call.deadlineMs`; a pass that
 * was left unfinished, by whomever, is gone on with. Any number may run at once. Memory: the map, one segment's new
 * object, and two windows of the old one.
 *
 * A pass reads its dirty stretch into a map of keys, until the map is full; rewrites every segment below the map's end;
 * looks at all of them again; and only then moves *clean to* to the map's end. Whatever stops it before leaves a log that
 * is right, only larger. Throws `StorageFault` (`damaged` with the object's name: nothing of that segment is changed).
 */
export function compactOnce(
  deps: CompactDependencies,
  pk: string,
  settings: CompactSettings,
  call: Call,
): Promise<CompactOutcome> {
  return readingStored(`Partition ${pk}`, () => compact(deps, pk, settings, call));
}

async function compact(
  deps: CompactDependencies,
  pk: string,
  settings: CompactSettings,
  call: Call,
): Promise<CompactOutcome> {
  const startedMs = deps.clock.monotonicMs();
  const stopMs = startedMs + (call.deadlineMs - startedMs) * TIME_SHARE;
  const isTimeUp = (): boolean => deps.clock.monotonicMs() >= stopMs;
  const work = { segmentCount: 0, rewrittenCount: 0, bytesBefore: 0, bytesAfter: 0 };

  const checkpoint = await readCheckpoint(deps.catalog, pk, call);
  const wallMs = deps.clock.wallMs();
  const { earliestMs: nowMs } = timeRange(wallMs, checkpoint.observation);
  const begun = await begin(deps, { pk, checkpoint, settings, nowMs, isTimeUp }, call);
  if (begun.kind !== 'begun') return begun;
  const { pass, learned } = begun;
  if (pass.progress === undefined) return { kind: 'unfinished', work };

  const expiredBeforeMs = nowMs - settings.deleteRetentionMs;
  const knowledge = {
    ...learned,
    from: pass.from,
    mapEnd: pass.mapEnd,
    survivors: survivors(learned.map, { from: pass.from, end: pass.mapEnd }),
    tombstoneEnd: tombstoneEnd(checkpoint.points, expiredBeforeMs),
    nowMs,
  };
  const cleaned = await cleanStep(deps, { pk, pass, knowledge, isTimeUp, work }, call);
  if (cleaned === 'timeUp') return { kind: 'unfinished', work };
  const isDone =
    cleaned === 'clean' &&
    (await finish(deps, { pk, pass, deleteRetentionMs: settings.deleteRetentionMs }, call));
  if (!isDone) return { kind: 'lost' };
  return { kind: 'compacted', cleanTo: pass.mapEnd, more: pass.mapEnd < pass.limit, work };
}

type Begun =
  | Extract<CompactOutcome, { kind: 'notDue' | 'lost' }>
  | { readonly kind: 'begun'; readonly pass: CleanPass; readonly learned: Learned };

interface BeginRequest {
  readonly pk: string;
  readonly checkpoint: SeenCheckpoint;
  readonly settings: CompactSettings;
  readonly nowMs: number;
  readonly isTimeUp: () => boolean;
}

/** Goes on with the pass that is there, or begins one if it is due. */
async function begin(deps: CompactDependencies, request: BeginRequest, call: Call): Promise<Begun> {
  const { pk, checkpoint, settings } = request;
  const { pass } = checkpoint;
  const { mapBytes } = settings;
  if (pass === undefined) {
    const plan = await planNow(deps, request, call);
    if (!plan.isDue) return { kind: 'notDue', cleanTo: checkpoint.cleanTo, dirtyRatio: plan.dirtyRatio };
    const built = await buildStep(deps, { ...request, ...plan, mapBytes }, undefined, call);
    return built === undefined ? { kind: 'lost' } : { kind: 'begun', ...built };
  }
  const learned = await loadLearned(deps, pass, mapBytes, call);
  if (learned === undefined) {
    await amendPass(deps, pk, pass.id, ({ cleanTo, points }) => ({ cleanTo, points }), call);
    return { kind: 'lost' };
  }
  if (pass.progress !== undefined) return { kind: 'begun', pass, learned };
  const stretch = { from: pass.mapEnd, limit: pass.limit, mapBytes };
  const built = await buildStep(deps, { ...request, ...stretch }, learned, call);
  return built === undefined ? { kind: 'lost' } : { kind: 'begun', ...built };
}

async function planNow(
  deps: CompactDependencies,
  { pk, checkpoint, settings, nowMs }: BeginRequest,
  call: Call,
): Promise<CompactionPlan> {
  const { logStart } = await readBounds(deps.catalog, pk, { consistent: true }, call);
  const segments: SeenSegment[] = [];
  for await (const segment of segmentsOf(deps.catalog, pk, call)) segments.push(withoutIndex(segment));
  return planCompaction({ segments, logStart, cleanTo: checkpoint.cleanTo }, settings, nowMs);
}

/** ⚑ *Clean to* moves only when every segment below has been rewritten, and the time of tombstones starts only then. */
function finish(
  deps: CompactDependencies,
  { pk, pass, deleteRetentionMs }: { pk: string; pass: CleanPass; deleteRetentionMs: number },
  call: Call,
): Promise<boolean> {
  return amendPass(
    deps,
    pk,
    pass.id,
    ({ points, observation }) => {
      const { earliestMs, latestMs } = timeRange(deps.clock.wallMs(), observation);
      const point = { cleanTo: pass.mapEnd, completedAtMs: latestMs };
      return { cleanTo: pass.mapEnd, points: withPoint(points, point, earliestMs - deleteRetentionMs) };
    },
    call,
  );
}
