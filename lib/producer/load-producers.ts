import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import { type Bounds, readBounds, readTail, type Tail } from '../partition/tail.ts';
import type { Rules } from '../rules.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { type KnownProducer, type StoredBatch, withBatch } from './producers.ts';
import { replay } from './replay.ts';
import { readSnapshot, type SeenSnapshot, type Snapshot } from './snapshot.ts';

export type LoadDependencies = Pick<EngineParts, 'hot' | 'catalog' | 'bucket' | 'codecs' | 'rules'>;

/** What is known of the producers of a partition as of one of its tails. */
export interface LoadedProducers {
  readonly producers: Map<number, KnownProducer>;
  readonly snapshot: Snapshot;
  /** At most so many chunks lie between what the snapshot and the segments hold, and the tail. */
  readonly chunkCountMax: number;
}

/** How often sealing may have moved on during the load. */
const LOADS_MAX = 8;

/**
 * Loads the state as of `tail` from storage: the newest snapshot, and the chunks behind it that may have batches with
 * producer ids. ⚑ Everything sealed is in the snapshot, so it is read after the end of the segments. Undefined: the
 * snapshot shows that the log goes on behind `tail`. Throws `StorageFault`.
 */
export async function loadProducers(
  deps: LoadDependencies,
  pk: string,
  tail: Tail,
  call: Call,
): Promise<LoadedProducers | undefined> {
  let sealedEnd = tail.sealedEnd ?? (await consistentBounds(deps, pk, call)).sealedEnd;
  for (let loads = 0; loads < LOADS_MAX; loads += 1) {
    const snapshot = await readSnapshot(deps, pk, call);
    if (snapshot.offset > tail.offset) return refuseAhead(deps, pk, snapshot, call);
    const loaded = await behindSnapshot(deps, { pk, tail, sealedEnd, snapshot }, call);
    if ('producers' in loaded) return loaded;
    sealedEnd = loaded.sealedEnd;
  }
  throw new StorageFault('throttled', `Partition ${pk} is sealed on during every look`);
}

/** The bounds as they are now, if the segments have grown over what was to be replayed. */
async function behindSnapshot(
  deps: LoadDependencies,
  seen: {
    readonly pk: string;
    readonly tail: Tail;
    readonly sealedEnd: number;
    readonly snapshot: SeenSnapshot;
  },
  call: Call,
): Promise<LoadedProducers | Bounds> {
  const { pk, tail, sealedEnd, snapshot } = seen;
  const producers = new Map(snapshot.producers);
  const see = folding(producers, deps.rules);
  const end = tail.producersEnd ?? 0;
  let from = Math.max(snapshot.offset, sealedEnd);
  let chunkCountMax = Math.max(0, tail.offset - Math.max(from, end));
  while (from < end) {
    const stretch = { pk, from, end, chunksMax: Number.POSITIVE_INFINITY };
    const replayed = await replay(deps, stretch, see, call);
    if (replayed.kind === 'done') {
      chunkCountMax += replayed.chunkCount;
      break;
    }
    const bounds = await consistentBounds(deps, pk, call);
    if (bounds.sealedEnd > sealedEnd) return bounds;
    from = replayed.kind === 'gap' ? replayed.nextOffset : end;
    if (from > bounds.logStart) throw missing(pk, replayed.kind === 'gap' ? replayed.offset : end);
    // What was deleted may have gaps.
    chunkCountMax += LIMITS.producerReplayChunksMax;
  }
  const { offset, version } = snapshot;
  return { producers, snapshot: { offset, version }, chunkCountMax };
}

/** Folds batches into `producers`, in the order of the log. */
export function folding(
  producers: Map<number, KnownProducer>,
  rules: Pick<Rules, 'dedupeWindow'>,
): (batch: StoredBatch) => void {
  const kept = batchesKept(rules);
  return (batch) => {
    producers.set(batch.producerId, withBatch(producers.get(batch.producerId), batch, kept));
  };
}

export function batchesKept({ dedupeWindow }: Pick<Rules, 'dedupeWindow'>): number {
  return dedupeWindow ? LIMITS.producerBatchesKept : 1;
}

/** ⚑ A snapshot never knows of more than stands in the log: answering from it would acknowledge what is not there. */
async function refuseAhead(
  deps: LoadDependencies,
  pk: string,
  { offset }: Snapshot,
  call: Call,
): Promise<undefined> {
  const { tail } = await readTail(deps, pk, deps.rules, call);
  if (tail.offset >= offset) return undefined;
  const message = `Partition ${pk}: the snapshot of its producers holds up to ${offset}, beyond its end at ${tail.offset}`;
  throw new StorageFault('damaged', message);
}

function missing(pk: string, offset: number): StorageFault {
  return new StorageFault(
    'damaged',
    `Partition ${pk}: the chunk at offset ${offset}, which may tell of producers, is missing`,
  );
}

export function consistentBounds(
  { catalog }: Pick<EngineParts, 'catalog'>,
  pk: string,
  call: Call,
): Promise<Bounds> {
  return readBounds(catalog, pk, { consistent: true }, call);
}
