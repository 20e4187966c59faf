import type { CopyStart } from '../../flows.ts';
import type { AppendSettings } from '../../partition/append-settings.ts';
import type { StorageFault } from '../../storage/fault.ts';
import type { Observation } from '../../storage/observation.ts';

/** One partition and its copy. Both keys are `<topic id>:<partition>`, of the ids that the remote topic's item says. */
export interface CopyPlace {
  readonly sourcePk: string;
  readonly targetPk: string;
  /**
   * Of what is written in both: alias of the region whose records are copied out of what the source has of it.
   * @default those that were produced in the source
   */
  readonly relay?: string;
  /** Name of the source's topic: asked whether the id still is that topic's before anything is said about the source. */
  readonly sourceTopic: string;
  /** Name of the copy: asked whether it still is one before anything is added behind a pause. @default not asked */
  readonly targetTopic?: string;
  /** Where the copy begins. Decided once, by the first who copies, and kept in the target. */
  readonly start: CopyStart;
}

/** What a step rests on. */
export interface CopyTerms {
  /** Configs of the remote topic. */
  readonly settings: AppendSettings;
  /** When the remote topic was seen: within the hour. */
  readonly topicSeen: Observation;
  /** At most so many bytes of batches are copied by a step, and at least one batch. @default LIMITS.chunkBytesMax */
  readonly bytesMax?: number;
  /** Where a note says that copying had come to; looked at only where the rule `positionFromTail` is off. */
  readonly notedPosition?: number;
}

/** Offsets that the source had trimmed before they were copied: the first and the one behind the last. */
export interface CopyGap {
  readonly from: number;
  readonly to: number;
}

/** What a step came to. `position` is where the copy ends, which is the next offset to copy. */
export type CopyOutcome =
  | {
      /** One chunk was appended, or where `bytes` is 0 somebody else's stands; there may be more to copy. */
      readonly kind: 'copied';
      readonly position: number;
      readonly bytes: number;
      readonly recordCount: number;
      /** Of what was copied, ms; -1 if its records have none. */
      readonly maxTimestampMs: number;
      /** A lower bound of where the source ends. */
      readonly sourceEnd: number;
      readonly gap?: CopyGap;
    }
  /** The source was not seen to have more. What was appended there a moment ago shows in a later step. */
  | { readonly kind: 'caughtUp'; readonly position: number }
  /** Nothing more may be copied: what was copied last is not what the source has there. `reason` is for people. */
  | { readonly kind: 'diverged'; readonly position: number; readonly reason: string }
  /** There is no topic of that name in the source. */
  | { readonly kind: 'sourceGone'; readonly position: number }
  /** The topic of that name in the source is another one. */
  | { readonly kind: 'sourceRecreated'; readonly position: number; readonly topicId: string }
  /** The target's topic is no copy of the source's any more: it was promoted, or deleted. */
  | { readonly kind: 'released'; readonly position: number }
  /** Of a relay: the source has trimmed what the region itself may still have. Nothing behind it is copied. */
  | {
      readonly kind: 'missing';
      readonly position: number;
      readonly sourceEnd: number;
      readonly reason: string;
    }
  /** The remote partition carries a closed marker: its topic was deleted, or the region is frozen. */
  | { readonly kind: 'closed'; readonly position: number }
  /** Storage failed on one side; nothing is half done, and the next step finds out by itself where to go on. */
  | { readonly kind: 'failed'; readonly side: 'source' | 'target'; readonly fault: StorageFault };
