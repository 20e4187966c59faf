import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import type { Tail } from '../partition/tail.ts';
import type { BatchHeader } from '../record/header.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { Fence, Observation } from '../storage/observation.ts';
import { advanceSnapshot } from './advance-snapshot.ts';
import { storedBatch } from './chunk-producers.ts';
import { batchesKept, folding, loadProducers } from './load-producers.ts';
import { agedTo, foldedOnto, type KnownProducer, type Producers } from './producers.ts';
import { readSnapshot, type Snapshot, type SnapshotDependencies } from './snapshot.ts';

/*
 * ⚑ Every batch with a producer id below the end of the segments is in the snapshot. So whoever needs the state replays hot
 * chunks alone, which never expire before they are sealed. A sealer keeps that true: before it publishes a segment it puts
 * a snapshot that holds what the segment holds.
 */

type Dependencies = SnapshotDependencies & Pick<EngineParts, 'clock'>;

/** The fold over a stretch of log by itself, as its batches pass by. */
export interface PassingProducers {
  see(header: BatchHeader): void;
  readonly producers: Producers;
}

export function passingProducers(rules: EngineParts['rules']): PassingProducers {
  const producers = new Map<number, KnownProducer>();
  const fold = folding(producers, rules);
  return {
    see: (header) => {
      const batch = storedBatch(header);
      if (batch !== undefined) fold(batch);
    },
    producers,
  };
}

/**
 * Sees to it that the snapshot holds the stretch up to `endOffset` whose own fold is `passed`; it begins at the end of the
 * segments. One read if anything has passed, and a write unless a snapshot holds it already. Throws `StorageFault`.
 */
export async function keepPassed(
  deps: Dependencies,
  pk: string,
  stretch: { readonly endOffset: number; readonly passed: Producers; readonly seen: Observation },
  call: Call,
): Promise<void> {
  const { endOffset, passed, seen } = stretch;
  if (passed.size === 0) return;
  const known = await readSnapshot(deps, pk, call);
  const from = known.offset;
  const isHeld = [...passed.values()].every(({ batches }) => (batches.at(-1)?.baseOffset ?? -1) < from);
  if (isHeld) return;
  const folded = foldedOnto(known.producers, { from, later: passed, batchesKept: batchesKept(deps.rules) });
  const producers = agedTo(known.observation.serverMs ?? deps.clock.wallMs(), folded);
  await keep(deps, pk, { offset: endOffset, producers, known, seen }, call);
}

/**
 * As `keepPassed`, for a stretch that nobody reads, because it was deleted before it was sealed: everything up to `tail`,
 * behind it. Costs nothing if there is no producer id above the end of the segments.
 */
export async function keepUnread(deps: Dependencies, pk: string, tail: Tail, call: Call): Promise<void> {
  const { offset, producersEnd, observation: seen } = tail;
  if (producersEnd === undefined) return;
  const loaded = await loadProducers(deps, pk, tail, call);
  if (loaded === undefined || loaded.snapshot.offset >= producersEnd) return;
  const producers = agedTo(seen.serverMs ?? deps.clock.wallMs(), loaded.producers);
  await keep(deps, pk, { offset, producers, known: loaded.snapshot, seen }, call);
}

async function keep(
  deps: Dependencies,
  pk: string,
  step: {
    readonly offset: number;
    readonly producers: Producers;
    readonly known: Snapshot;
    readonly seen: Observation;
  },
  call: Call,
): Promise<void> {
  const { seen, ...content } = step;
  const fences: Fence[] = [{ observation: seen, ageMsMax: LIMITS.topicUseAgeMsMax }];
  const { kind } = await advanceSnapshot(deps, pk, { ...content, fences }, call);
  if (kind === 'isGone') throw new StorageFault('throttled', `The snapshot of partition ${pk} was removed`);
}
