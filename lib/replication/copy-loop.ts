import type { EngineParts } from '../engine-parts.ts';
import type { CopyStart } from '../flows.ts';
import type { AppendSettings } from '../partition/append-settings.ts';
import { partitionKey } from '../partition/chunk.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import type { Observation } from '../storage/observation.ts';
import { configNumber } from '../topic/configs.ts';
import type { Copier, PartitionCopier } from './copy/copier.ts';
import type { CopyGap, CopyOutcome } from './copy/copy-outcome.ts';
import { type DueQueue, dueQueue } from './due-queue.ts';
import type { FlowShare, TopicGap, TopicPair } from './flow-run.ts';
import { afterBug, afterStep, isQuiet, NEW_WORK, type PartitionWork } from './partition-work.ts';
import { lookBehind, type RestingAt } from './resting.ts';

export interface CopyLoopParts {
  readonly clock: Clock;
  readonly source: Pick<EngineParts, 'hot'>;
  /** Of the topic's policy. */
  readonly copierOf: (pair: TopicPair) => Copier;
  readonly share: FlowShare;
  readonly copiesAtOnce: number;
  readonly isHeartbeats: (sourceTopic: string) => boolean;
  /** What a note says of a partition of the target; only where the rule `positionFromTail` is off. */
  readonly notedPosition?: (topic: string, partition: number) => number | undefined;
  readonly newCall: () => Call;
  /** Told of what is a bug. */
  readonly onFault: (cause: unknown, doing: string) => void;
}

/** A partition that is being copied. */
export interface CopiedPartition {
  readonly pair: TopicPair;
  readonly partition: number;
  readonly sourcePk: string;
  readonly targetPk: string;
  /** Set where not the source's own records are copied, but what it has of this region. */
  readonly relay?: string;
  readonly work: PartitionWork;
}

/** What is copied into a partition, told apart from what else is. */
export function placeKey({ targetPk, relay }: Pick<CopiedPartition, 'targetPk' | 'relay'>): string {
  return relay === undefined ? targetPk : `${targetPk} ${relay}`;
}

export interface Copied {
  readonly records: number;
  readonly bytes: number;
  /** Of the records, those that nobody but copying itself has produced. */
  readonly heartbeats: number;
  /** What the source had trimmed before it could be copied. */
  readonly gaps: readonly TopicGap[];
}

export interface CopyLoop {
  /**
   * From now on these topics are copied, each from where its copy ends, and no others. Of partitions that are not followed yet
   * and were noted to be complete, the source alone is asked until it has more.
   */
  follow(pairs: readonly TopicPair[], seen: Observation, restingAt?: RestingAt): void;
  /** Copies until the signal is aborted, and ends after the steps that are under way. */
  run(signal: AbortSignal): Promise<void>;
  readonly partitions: readonly CopiedPartition[];
  /** What was copied so far. */
  readonly copied: Copied;
  /** On `Clock.monotonicMs`: when something was copied last, or began to be followed. */
  readonly activeMs: number;
  /** Whether every partition has been looked at since, and there was nothing to be done. */
  readonly isQuiet: boolean;
}

type Place = Pick<CopiedPartition, 'pair' | 'partition' | 'targetPk' | 'relay'>;

interface Tracked extends CopiedPartition {
  pair: TopicPair;
  seen: Observation;
  readonly copier: PartitionCopier;
  work: PartitionWork;
  isFollowed: boolean;
  restingAt: number | undefined;
}

/** The loop looks for what is due at least so often: what is followed anew is due at once. */
const LOOK_MS_MAX = 200;

/**
 * Copies the partitions of a flow fairly: one chunk of each in turn, some at once, and one at which nothing was found after
 * a pause that grows while it stays quiet. What is relayed into a partition takes turns with the source's own records.
 */
export function copyLoop(parts: CopyLoopParts): CopyLoop {
  const { clock, share, copiesAtOnce } = parts;
  const tracked = new Map<string, Tracked>();
  const due: DueQueue<Tracked> = dueQueue();
  const inFlight = new Set<Promise<void>>();
  /** By partitions: what waits for the step that is under way there. Two at once would take each other's place. */
  const busy = new Map<string, Tracked[]>();
  const copied = { records: 0, bytes: 0, heartbeats: 0, gaps: [] as TopicGap[] };
  let activeMs = clock.monotonicMs();

  const follow = (pairs: readonly TopicPair[], seen: Observation, restingAt?: RestingAt): void => {
    const before = new Map(tracked);
    tracked.clear();
    for (const place of placesOf(pairs, share)) {
      const key = placeKey(place);
      const known = before.get(key);
      before.delete(key);
      const isOwn = place.relay === undefined;
      const rests = isOwn ? restingAt?.(place.pair.target.name, place.partition) : undefined;
      if (known === undefined) begin({ ...place, seen, restingAt: rests });
      else tracked.set(key, Object.assign(known, { pair: place.pair, seen }));
    }
    for (const one of before.values()) one.isFollowed = false;
  };

  const begin = (place: Place & Pick<Tracked, 'seen' | 'restingAt'>): void => {
    const { pair, partition, targetPk, relay } = place;
    const sourcePk = partitionKey(pair.source.topicId, partition);
    const start = startOf(pair, partition);
    const names = { sourceTopic: pair.source.name, targetTopic: pair.target.name };
    const relayed = relay === undefined ? {} : { relay };
    const copier = parts.copierOf(pair).partition({ sourcePk, targetPk, start, ...names, ...relayed });
    const one: Tracked = { ...place, sourcePk, copier, work: NEW_WORK, isFollowed: true };
    tracked.set(placeKey(place), one);
    activeMs = clock.monotonicMs();
    due.put(one, activeMs);
  };

  const take = async (one: Tracked): Promise<CopyOutcome> => {
    const rests = one.restingAt;
    const found =
      rests === undefined ? undefined : await lookBehind(parts.source, one.sourcePk, rests, parts.newCall());
    if (found !== undefined) return found;
    one.restingAt = undefined;
    const notedPosition = parts.notedPosition?.(one.pair.target.name, one.partition);
    const noted = notedPosition === undefined ? {} : { notedPosition };
    const terms = { settings: settingsOf(one.pair), topicSeen: one.seen, ...noted };
    return one.copier.copyOnce(terms, parts.newCall());
  };

  const step = async (one: Tracked, waiting: readonly Tracked[]): Promise<void> => {
    try {
      const outcome = await take(one);
      one.work = afterStep(one.work, outcome);
      if (outcome.kind === 'copied') {
        copied.records += outcome.recordCount;
        copied.bytes += outcome.bytes;
        if (parts.isHeartbeats(one.pair.source.name)) copied.heartbeats += outcome.recordCount;
        if (outcome.gap !== undefined) copied.gaps.push(gapOf(one, outcome.gap));
        activeMs = clock.monotonicMs();
      }
    } catch (cause) {
      parts.onFault(cause, `copying ${one.pair.source.name}-${one.partition} failed`);
      one.work = afterBug(one.work);
    }
    busy.delete(one.targetPk);
    for (const next of waiting) due.put(next, clock.monotonicMs());
    if (one.isFollowed) due.put(one, clock.monotonicMs() + one.work.pauseMs);
  };

  const start = (one: Tracked): void => {
    const waiting: Tracked[] = [];
    busy.set(one.targetPk, waiting);
    const running = step(one, waiting).finally(() => inFlight.delete(running));
    inFlight.add(running);
  };

  const startOrWait = (one: Tracked): void => {
    const waiting = busy.get(one.targetPk);
    if (waiting === undefined) start(one);
    else waiting.push(one);
  };

  const startDue = (): void => {
    while (inFlight.size < copiesAtOnce) {
      const next = due.take(clock.monotonicMs());
      if (next === undefined) return;
      if (next.isFollowed) startOrWait(next);
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      startDue();
      const dueMs = inFlight.size >= copiesAtOnce ? Infinity : (due.nextMs ?? Infinity);
      const ms = Math.max(0, Math.min(LOOK_MS_MAX, dueMs - clock.monotonicMs()));
      await eitherEnds(clock, { inFlight, ms, signal });
    }
    await Promise.all(inFlight);
  };

  return {
    follow,
    run,
    copied,
    get partitions() {
      return [...tracked.values()];
    },
    get activeMs() {
      return activeMs;
    },
    get isQuiet() {
      return [...tracked.values()].every(({ work }) => isQuiet(work));
    },
  };
}

function gapOf({ pair, partition, relay }: Tracked, gap: CopyGap): TopicGap {
  const where = { topic: pair.source.name, partition, ...gap };
  return relay === undefined ? where : { ...where, relay };
}

/** The partitions of these topics that are of a share. */
function* placesOf(pairs: readonly TopicPair[], share: FlowShare): Generator<Place> {
  for (const pair of pairs) {
    const partitionCount = Math.min(pair.source.partitionCount, pair.target.partitionCount);
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const targetPk = partitionKey(pair.target.topicId, partition);
      if (!isOfShare(targetPk, share)) continue;
      yield { pair, partition, targetPk };
      for (const relay of pair.relays ?? []) yield { pair, partition, targetPk, relay };
    }
  }
}

/** Waits for the time to pass or for a step to end, whatever is first. */
async function eitherEnds(
  clock: Clock,
  wait: { readonly inFlight: ReadonlySet<Promise<void>>; readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, wait.signal]);
  const slept = clock.sleep(wait.ms, signal).catch(() => undefined);
  await Promise.race([slept, ...wait.inFlight]);
  over.abort();
}

function settingsOf({ target }: TopicPair): AppendSettings {
  return {
    hotRetentionMs: configNumber(target.configs, 'hot.retention.ms'),
    inlineBytesMax: configNumber(target.configs, 'hot.inline.max.bytes'),
  };
}

/** Partitions that were added to the source later begin with it. */
function startOf({ target }: TopicPair, partition: number): CopyStart {
  const { at, partitionCount } = target.remote?.start ?? { at: 'earliest', partitionCount: 0 };
  if (partition >= partitionCount) return 'earliest';
  if (typeof at === 'string' || !('offsets' in at)) return at;
  return { offset: at.offsets[partition] ?? 0 };
}

/** Whether a partition is of this share: FNV-1a over its key, which is as good as random. */
function isOfShare(key: string, { index, count }: FlowShare): boolean {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % count === index;
}
