import type { OffsetRange, ReadBehind } from '../../group/offsets/read-behind.ts';
import type { PartitionPlace } from '../../log.ts';
import { type Bell, createBell } from '../bell.ts';
import type { ConsumedRecord } from './consumed-record.ts';

/** A batch that was fetched and not given to the loop yet. */
export interface FetchedBatch {
  readonly bytes: Uint8Array;
  /** Where to go on after it: beyond its last offset, which compaction may have removed. */
  readonly nextOffset: number;
  /** The partition's end when it was fetched. */
  readonly highWatermark: number;
  /** Of it the offsets that the group has read elsewhere, if there are any. */
  readonly read?: readonly OffsetRange[];
}

export interface Position {
  readonly offset: number;
  /** Of the record before it; -1 if unknown. */
  readonly leaderEpoch: number;
}

/** A partition that this consumer reads: what it has fetched, given to the loop, and committed. */
export interface HeldPartition {
  readonly place: PartitionPlace;
  /** Of the topic that the position belongs to, where a group knows it: another topic of that name is not read. */
  topicId: string | undefined;
  /** The next offset that the loop is given. */
  position: Position;
  /** The loop is done with everything before it. */
  processed: Position;
  /** The loop was given everything from here to the position, without a break in the holding. */
  givenFrom: number;
  /** What storage is known to hold. */
  committedOffset: number | undefined;
  /** What the group had read behind the position that reading began at, if it had. */
  behind: ReadBehind | undefined;
  fetchOffset: number;
  fetched: FetchedBatch[];
  /** The batch the loop is in the middle of. */
  open: { readonly records: readonly ConsumedRecord[]; at: number; readonly batch: FetchedBatch } | undefined;
  isPaused: boolean;
  /** No more of it is given to the loop: it is being given up, or not ready. */
  isWithheld: boolean;
  /** One more with every seek: that the loop is done with what it was given before says nothing any more. */
  era: number;
  /** One more whenever what was fetched, or is on its way, is void. */
  fetchEra: number;
  isReleased: boolean;
  /** Rings when its fetch loop has something to look at. */
  readonly bell: Bell;
  /** Ends the fetch that is under way. */
  interrupt: AbortController;
  /** The fetch loop has ended with an error that the consumer's loop was told of. */
  isStuck: boolean;
}

export function holdPartition(
  place: PartitionPlace,
  position: Position,
  group: Pick<HeldPartition, 'topicId' | 'committedOffset' | 'behind'>,
): HeldPartition {
  const { topicId, committedOffset, behind } = group;
  return {
    place,
    topicId,
    position,
    processed: position,
    givenFrom: position.offset,
    committedOffset,
    behind,
    fetchOffset: position.offset,
    fetched: [],
    open: undefined,
    isPaused: false,
    isWithheld: true,
    era: 0,
    fetchEra: 0,
    isReleased: false,
    bell: createBell(),
    interrupt: new AbortController(),
    isStuck: false,
  };
}

/** With the id of the topic that is meant, where it is known. */
export function namedPlace({
  place,
  topicId,
}: HeldPartition): PartitionPlace & { readonly topicId?: string } {
  return topicId === undefined ? place : { ...place, topicId };
}

export const placeKey = ({ topic, partition }: PartitionPlace): string => `${topic}:${partition}`;

/** What was fetched is void; reading goes on at the position. */
export function dropFetched(held: HeldPartition): void {
  held.fetchEra += 1;
  held.fetched = [];
  held.open = undefined;
  held.fetchOffset = held.position.offset;
  held.interrupt.abort();
  held.bell.ring();
}

export function moveTo(held: HeldPartition, position: Position): void {
  held.era += 1;
  held.position = position;
  held.processed = position;
  held.givenFrom = position.offset;
  dropFetched(held);
}

/** Reading begins anew there, whatever the group has read behind it. */
export function beginAt(held: HeldPartition, position: Position): void {
  // What is committed says more than this position, even if that is at the same offset.
  if (held.behind !== undefined) held.committedOffset = undefined;
  held.behind = undefined;
  moveTo(held, position);
}

export function bufferedBytes(held: HeldPartition): number {
  return held.fetched.reduce((total, { bytes }) => total + bytes.length, 0);
}

export function isUncommitted({ processed, committedOffset }: HeldPartition): boolean {
  return processed.offset !== committedOffset;
}
