import type { Call } from './storage/call.ts';

/**
 * This region as a whole: whether it takes records. ⚑ A frozen one takes none, whoever sends them and however stale what
 * they know: every partition carries a closed marker. Reading, groups and upkeep go on; flows into it wait. Methods throw
 * `MillraceError` for what the caller can retry.
 */
export interface Region {
  /** Looks at every partition. */
  describe(call: Call): Promise<RegionDescription>;
  /** Once it answers FROZEN and `isComplete`, no record is added any more. Again, it goes on where it was cut off. */
  freeze(call: Call): Promise<RegionDescription>;
  /** Once it answers OPEN and `isComplete`, every partition takes records again. */
  thaw(call: Call): Promise<RegionDescription>;
}

export interface RegionDescription {
  readonly state: 'OPEN' | 'FROZEN';
  /** Storage's clock, ms since 1970; undefined if it has never been frozen. */
  readonly sinceMs?: number;
  readonly partitionCount: number;
  /** Partitions with a marker. */
  readonly closedCount: number;
  /** Whether every partition is as the state says; otherwise freeze, or thaw, once more. */
  readonly isComplete: boolean;
}
