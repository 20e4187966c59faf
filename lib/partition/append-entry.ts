import type { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { SequencedBatch } from '../producer/producers.ts';
import type { Call } from '../storage/call.ts';
import type { Observation } from '../storage/observation.ts';
import type { StoreWithin } from '../storage/within.ts';
import type { BatchSummary } from './batch-summary.ts';

/** One produce that waits for its place in a chunk: whole batches, checked, all or nothing. */
export interface AppendEntry {
  /** Owned by the log from here on: base offsets are patched in place. */
  readonly bytes: Uint8Array;
  readonly batches: readonly BatchSummary[];
  readonly offsetCount: number;
  readonly maxTimestampMs: number;
  /** The topic's: it is written into the batches with their offsets. */
  readonly leaderEpoch: number;
  /** Set when the client sent an idempotency key. */
  readonly identity?: AppendIdentity;
  /** Set for an idempotent producer: its one batch. */
  readonly sequenced?: SequencedBatch;
  /** The only offset that it may get: it goes first in its chunk. */
  readonly expectedOffset?: number;
  /** Stores the chunk instead of the hot table, as a part of something larger: it goes alone, and inline. */
  readonly storeWithin?: StoreWithin<number>;
  /** When the topic was seen that it is appended to. */
  readonly topicSeen: Observation;
  readonly call: Call;
}

export interface AppendIdentity {
  /** Hash of the client's key. */
  readonly id: string;
  /** Hash of what the client sent with it: the same key with other content is an error. */
  readonly fingerprint: string;
  /** Something seen in storage shortly before the request began; dates it on storage's own clock. */
  readonly began: Observation;
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly baseOffset: number; readonly duplicate: boolean }
  /**
   * The partition carries a closed marker: nothing was appended. `isFrozen`: until the region is thawed; otherwise the topic
   * must be looked up again.
   */
  | { readonly kind: 'closed'; readonly isFrozen: boolean }
  /** What it was to be stored within did not happen, for this reason; nothing was appended. */
  | { readonly kind: 'cancelled'; readonly cause: unknown }
  | { readonly kind: 'failed'; readonly error: MillraceError };

/** How many entries from the head of the queue go into the next chunk: at least one, within both bounds. */
export function entriesForChunk(
  queue: readonly Pick<AppendEntry, 'bytes' | 'batches' | 'expectedOffset' | 'storeWithin'>[],
  chunkBytesMax: number,
): number {
  let bytes = 0;
  let batches = 0;
  let count = 0;
  for (const entry of queue) {
    bytes += entry.bytes.length;
    batches += entry.batches.length;
    const isFull = bytes > chunkBytesMax || batches > LIMITS.chunkBatchesMax;
    if (count > 0 && (isFull || mustBeFirst(entry))) break;
    count += 1;
    if (entry.storeWithin !== undefined) break;
  }
  return count;
}

function mustBeFirst({
  expectedOffset,
  storeWithin,
}: Pick<AppendEntry, 'expectedOffset' | 'storeWithin'>): boolean {
  return expectedOffset !== undefined || storeWithin !== undefined;
}
