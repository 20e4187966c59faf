import type { OriginEnd } from '../../partition/origins.ts';
import type { Call } from '../../storage/call.ts';
import type { CopyGap } from '../copy/copy-outcome.ts';
import type { CopiedBatch } from '../copy/read-source.ts';

/** What the source has of one region. All offsets are those that records have in that region. */
export type SourceOfOrigin =
  | {
      /** Never empty: one behind the other, without a hole. */
      readonly kind: 'batches';
      readonly batches: readonly CopiedBatch[];
      /** What will never be copied any more, because it had been trimmed. */
      readonly gap?: CopyGap;
    }
  /** Nothing was found yet; there may be more. */
  | { readonly kind: 'none'; readonly position: number }
  | { readonly kind: 'atEnd'; readonly position: number }
  /** The source ends before what was copied from it. */
  | { readonly kind: 'endsBefore'; readonly endOffset: number }
  /** It has trimmed what may be had elsewhere, so that nothing behind it is copied. `reason` is for people. */
  | { readonly kind: 'missing'; readonly reason: string };

/** The records of one region, as a source has them. Throws `StorageFault` and `SideFault`. */
export interface OriginSource {
  /** From `copied` on. */
  read(copied: number, bytesMax: number, call: Call): Promise<SourceOfOrigin>;
  /** ⚑ Whether the source has what was copied last; where that is trimmed, nothing can be said against it. */
  has(last: OriginEnd, call: Call): Promise<boolean>;
  /** How far copying has come where `copied` is what the target's tail says. */
  positionAt(copied: number): number;
  /** A lower bound of where they end there. */
  readonly knownEnd: number;
}
