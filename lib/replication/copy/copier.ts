import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import type { CopyOutcome, CopyPlace, CopyTerms } from './copy-outcome.ts';

/** The two regions of a flow, each with the retries of its own storage around it. The source is only read. */
export interface CopySides {
  readonly target: EngineParts;
  readonly source: EngineParts;
}

/** Copies the partitions of one flow in one process: caches of the source and uploads to the target are shared. */
export interface Copier {
  /** Costs nothing before its first step. One step at a time; keep it as long as its partition is being copied. */
  partition(place: CopyPlace): PartitionCopier;
}

export interface PartitionCopier {
  /** Where the copy ends as far as this process knows. */
  readonly position: number | undefined;
  /** Copies what one chunk can hold. Rejects for bugs only: see `CopyOutcome`. */
  copyOnce(terms: CopyTerms, call: Call): Promise<CopyOutcome>;
}
