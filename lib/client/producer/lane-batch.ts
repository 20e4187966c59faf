import type { ProduceResult } from '../../log.ts';
import type { NewRecord } from '../../record/record.ts';
import type { BatchIdentity } from './sequences.ts';

/** A record on its way. */
export interface LaneEntry {
  readonly record: NewRecord;
  /** A bound of what it takes in a batch. */
  readonly bytes: number;
  /** True once nobody waits for it any more. */
  readonly isAbandoned: () => boolean;
  readonly stored: (result: ProduceResult, index: number) => void;
  readonly failed: (error: unknown) => void;
}

/** Records that are stored together. */
export interface LaneBatch {
  entries: LaneEntry[];
  bytes: number;
  readonly deadlineMs: number;
  state: 'open' | 'waiting' | 'sent';
  /** Times it was sent. */
  attemptCount: number;
  /** An attempt was made whose outcome is open: from then on its bytes and its sequence stay as they are. */
  maybeStored: boolean;
  encoded: EncodedBatch | undefined;
}

export interface EncodedBatch {
  readonly bytes: Uint8Array;
  readonly identity: BatchIdentity | undefined;
}

export function openBatch(deadlineMs: number): LaneBatch {
  return {
    entries: [],
    bytes: 0,
    deadlineMs,
    state: 'open',
    attemptCount: 0,
    maybeStored: false,
    encoded: undefined,
  };
}
