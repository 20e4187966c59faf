import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { Fence } from '../storage/observation.ts';
import type { Producers } from './producers.ts';
import { putSnapshot, type Snapshot, type SnapshotDependencies } from './snapshot.ts';

export type Advanced =
  /** There is a snapshot of exactly that offset now, ours or another's: the fold is the same. */
  | { readonly kind: 'done'; readonly snapshot: Snapshot }
  /** Another one holds more. */
  | { readonly kind: 'isAhead' }
  /** The one that was known has been removed: nobody knows what holds. */
  | { readonly kind: 'isGone' };

/** Others that may put a snapshot at the same time; each lost try has seen a newer one. */
const TRIES_MAX = 4;

/** ⚑ Moves the snapshot of a partition forward, never back. Throws `StorageFault`. */
export async function advanceSnapshot(
  deps: SnapshotDependencies,
  pk: string,
  step: {
    readonly offset: number;
    readonly producers: Producers;
    readonly known: Snapshot;
    readonly fences: readonly Fence[];
  },
  call: Call,
): Promise<Advanced> {
  const { offset, producers, fences } = step;
  let before = step.known;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (before.offset > offset) return { kind: 'isAhead' };
    const result = await putSnapshot(deps, pk, { offset, producers, before, fences }, call);
    if (result.stored) return { kind: 'done', snapshot: result.snapshot };
    if (result.standing === undefined) return { kind: 'isGone' };
    before = result.standing;
    if (before.offset === offset) return { kind: 'done', snapshot: before };
  }
  throw new StorageFault('throttled', `Many put snapshots of the producers of partition ${pk} at once`);
}
