import type { Vector } from './groups.ts';
import type { PartitionPlace } from './log.ts';
import type { Call } from './storage/call.ts';

/**
 * Positions of one region in the terms of another. A copy has the offsets of its source, so that positions in it mean the
 * same; in a topic that is written in several regions (`merged`) each region has a record at another offset.
 */
export interface Translation {
  /** Alias of this region. */
  readonly region: string;
  /**
   * Where a group goes on here that stands in the source where its clients committed there, or at the offsets that are named.
   * ⚑ Whatever it has not read there stands behind that here; nothing is stored. In the order asked, else by topic and
   * partition. Named offsets are translated only together.
   *
   * UNKNOWN_FLOW (nothing is copied from that region), INVALID_GROUP_ID, GROUP_ID_NOT_FOUND (the source has no such group),
   * UNKNOWN_TOPIC_OR_PARTITION (of a named offset: it is not there in the source, or not copied), OFFSET_OUT_OF_RANGE
   * (beyond the end of the source's partition), INVALID_REQUEST (a vector of too many regions). If the source does not answer and
   * nothing has been carried over: REQUEST_TIMED_OUT, KAFKA_STORAGE_ERROR, THROTTLING_QUOTA_EXCEEDED.
   */
  translate(request: TranslationRequest, call: Call): Promise<readonly TranslatedOffset[]>;
}

export interface TranslationRequest {
  readonly groupId: string;
  /** Alias of the region in which the positions are; a flow copies from it. */
  readonly source: string;
  /** @default what the group's clients committed there, in topics that are copied */
  readonly offsets?: readonly OffsetToTranslate[];
}

/** Topic and partition are those of the source. */
export interface OffsetToTranslate extends PartitionPlace {
  /** The next one to be read there. */
  readonly offset: number;
  /** In the source's terms: '' are the records that were produced there. @default nothing has been read behind the offset */
  readonly vector?: Vector;
}

export type TranslationState =
  | 'TRANSLATED'
  /** All that is here has been read there, and more: it is the partition's end. Translated later, it may lie further on. */
  | 'BOUNDED'
  /** The source does not answer: this is what the flow carried over last. */
  | 'CARRIED_OVER';

/** Topic, partition, offset and vector are those of this region. */
export interface TranslatedOffset extends PartitionPlace {
  /** The same topic in the source; undefined if its name is not known here while the source does not answer. */
  readonly sourceTopic: string | undefined;
  readonly sourceOffset: number;
  readonly offset: number;
  /** What of the records behind the offset has been read in the source. Committed with it, our consumers pass over those. */
  readonly vector?: Vector;
  readonly state: TranslationState;
}
