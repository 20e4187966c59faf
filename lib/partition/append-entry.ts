import type { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import type { Observation } from '../storage/observation.ts';
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
  /** The partition carries a closed marker: nothing was appended, the topic must be looked up again. */
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly error: MillraceError };

/** How many entries from the head of the queue go into the next chunk: at least one, within both bounds. */
export function entriesForChunk(
  queue: readonly Pick<AppendEntry, 'bytes' | 'batches'>[],
  chunkBytesMax: number,
): number {
  let bytes = 0;
  let batches = 0;
  let count = 0;
  for (const entry of queue) {
    bytes += entry.bytes.length;
    batches += entry.batches.length;
    if (count > 0 && (bytes > chunkBytesMax || batches > LIMITS.chunkBatchesMax)) break;
    count += 1;
  }
  return count;
}
