import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import type { Chunk } from '../partition/chunk.ts';
import type { Tail } from '../partition/tail.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { Fence } from '../storage/observation.ts';
import { advanceSnapshot } from './advance-snapshot.ts';
import { countsHere, isToldInObject, producerBatches } from './chunk-producers.ts';
import { consistentBounds, folding, loadProducers } from './load-producers.ts';
import type { ProducerMemory } from './producer-memory.ts';
import { agedTo, type KnownProducer, type Producers, type StoredBatch } from './producers.ts';
import { replay } from './replay.ts';
import type { Snapshot, SnapshotDependencies } from './snapshot.ts';

export type TrackerDependencies = SnapshotDependencies &
  Pick<EngineParts, 'clock' | 'producerReplayChunksMax'> & {
    /** @default without bound: for a writer that is alone in its process */
    readonly producerMemory?: ProducerMemory;
  };

/** What a writer knows of the producers of its partition; nothing until somebody asks. */
export interface ProducerTracker {
  /** The state as of `tail`. Undefined: it is not the log's end any more. Throws `StorageFault`. */
  at(tail: Tail, settings: SnapshotSettings, call: Call): Promise<Producers | undefined>;
  /**
   * ⚑ Before an append with producer ids at the tail that was asked for last: puts a snapshot if there would be too much
   * to replay. False: that is not the log's end any more. Throws `StorageFault` if it failed and must not.
   */
  prepare(coming: ComingBatches, settings: SnapshotSettings, call: Call): Promise<boolean>;
  /** A chunk that stands in the log, whoever put it there. */
  follow(chunk: Chunk): void;
}

export interface SnapshotSettings {
  /** Storage's time. */
  readonly nowMs: number;
  readonly fences: readonly Fence[];
}

/** What is about to be appended. */
export interface ComingBatches {
  readonly endOffset: number;
  readonly batches: readonly StoredBatch[];
}

interface Tracked {
  /** The state is that below this offset. */
  offset: number;
  producers: Map<number, KnownProducer>;
  snapshot: Snapshot;
  /** At most so many chunks would have to be replayed. */
  chunkCountMax: number;
  /** After a failure the next snapshot is tried when there are so many. */
  retryCount: number;
}

/** How long an append waits for a snapshot that can wait. */
const OPTIONAL_MS_MAX = 2_000;

export function createProducerTracker(deps: TrackerDependencies, pk: string): ProducerTracker {
  const replayMax = deps.producerReplayChunksMax ?? LIMITS.producerReplayChunksMax;
  let tracked: Tracked | undefined;

  const drop = (): void => {
    tracked = undefined;
  };

  const load = async (tail: Tail, call: Call): Promise<Tracked | undefined> => {
    const loaded = await loadProducers(deps, pk, tail, call);
    return loaded === undefined ? undefined : { ...loaded, offset: tail.offset, retryCount: 0 };
  };

  /** False: that takes a new look at the snapshot. */
  const catchUp = async (from: Tracked, tail: Tail, call: Call): Promise<boolean> => {
    // ⚑ That the newest chunk tells of no producers holds above the segments as they were then: an older look at those
    // would leave out what was sealed in between.
    const known = tail.producersEnd === undefined ? undefined : tail.sealedEnd;
    const sealedEnd = known ?? (await consistentBounds(deps, pk, call)).sealedEnd;
    const end = Math.max(tail.producersEnd ?? 0, from.offset);
    if (from.offset > tail.offset || sealedEnd > from.offset) return false;
    const batches: StoredBatch[] = [];
    const stretch = { pk, from: from.offset, end, chunksMax: replayMax };
    const replayed = await replay(deps, stretch, (batch) => batches.push(batch), call);
    if (replayed.kind !== 'done') return false;
    batches.forEach(folding(from.producers, deps.rules));
    from.chunkCountMax += replayed.chunkCount + tail.offset - end;
    from.offset = tail.offset;
    return true;
  };

  /** False: somebody has put one that holds more. */
  const snapshot = async (
    of: Tracked,
    { nowMs, fences }: SnapshotSettings,
    call: Call,
    coming: ComingBatches | undefined,
  ): Promise<boolean> => {
    const producers = agedTo(nowMs, of.producers);
    const isBehind = coming === undefined || deps.rules.snapshotBehindChain;
    const content = isBehind ? { offset: of.offset, producers } : ahead(producers, nowMs, coming);
    const advanced = await advanceSnapshot(deps, pk, { ...content, known: of.snapshot, fences }, call);
    if (advanced.kind !== 'done') {
      // What is known is not the newest: it is loaded again, which also tells a log that was damaged.
      tracked = undefined;
      return false;
    }
    of.snapshot = advanced.snapshot;
    of.producers = producers;
    of.chunkCountMax = 0;
    of.retryCount = 0;
    return true;
  };

  const ahead = (known: Producers, nowMs: number, { endOffset, batches }: ComingBatches) => {
    const producers = new Map(known);
    batches.forEach(folding(producers, deps.rules));
    return { offset: endOffset, producers: agedTo(nowMs, producers) };
  };

  return {
    at: async (tail, settings, call) => {
      if (tracked?.offset !== tail.offset) {
        const isThere = tracked !== undefined && (await catchUp(tracked, tail, call));
        if (!isThere) tracked = await load(tail, call);
      }
      if (tracked === undefined) return undefined;
      deps.producerMemory?.used(pk, tracked.producers.size, drop);
      // Room for new ones is made where old ones are forgotten.
      const isAtEnd =
        !hasRoomToMake(tracked.producers, settings.nowMs) ||
        (await snapshot(tracked, settings, call, undefined));
      return isAtEnd ? tracked?.producers : undefined;
    },

    prepare: async (coming, settings, call) => {
      // Dropped by another partition that needed the room.
      if (tracked === undefined) return false;
      const { chunkCountMax, retryCount } = tracked;
      if (chunkCountMax < Math.max(replayMax / 2, retryCount)) return true;
      const isOptional = chunkCountMax < replayMax;
      const soonMs = deps.clock.monotonicMs() + OPTIONAL_MS_MAX;
      const deadlineMs = isOptional ? Math.min(call.deadlineMs, soonMs) : call.deadlineMs;
      try {
        return await snapshot(tracked, settings, { ...call, deadlineMs }, coming);
      } catch (fault) {
        if (!isOptional || !(fault instanceof StorageFault)) throw fault;
        if (tracked !== undefined) {
          tracked.retryCount = Math.min(replayMax, chunkCountMax + Math.ceil(replayMax / 16));
        }
        return true;
      }
    },

    follow: (chunk) => {
      if (tracked === undefined || tracked.offset !== chunk.baseOffset || isToldInObject(chunk)) return;
      try {
        const batches = countsHere(chunk, deps.rules) ? producerBatches(chunk) : [];
        for (const batch of batches) folding(tracked.producers, deps.rules)(batch);
        tracked.offset = chunk.endOffset;
        tracked.chunkCountMax += 1;
      } catch {
        // A damaged chunk: whoever asks for the state will load it and be told.
        tracked = undefined;
      }
    },
  };
}

function hasRoomToMake(producers: Producers, nowMs: number): boolean {
  if (producers.size < LIMITS.producersPerPartitionMax) return false;
  for (const { lastSeenMs } of producers.values()) {
    if (lastSeenMs !== undefined && nowMs - lastSeenMs > LIMITS.producerLifeMs) return true;
  }
  return false;
}
