import { vectorAt } from '../../group/offsets/read-behind.ts';
import { isSameVector } from '../../group/offsets/vector.ts';
import type { OffsetToCommit } from '../../groups.ts';
import { type HeldPartition, namedPlace, type Position } from './held-partition.ts';

/**
 * A position, the loop's or one that was asked for, as it is committed: of the topic that is read, and with what the group
 * has read behind it unless that is said.
 */
export function toCommit(
  held: HeldPartition,
  position: Position | Omit<OffsetToCommit, 'topic' | 'partition'>,
): OffsetToCommit {
  const offset: OffsetToCommit = { ...namedPlace(held), ...position };
  const isSaid = offset.vector !== undefined || offset.topicId !== held.topicId;
  const vector = isSaid ? undefined : vectorAt(held.behind, offset.offset);
  return vector === undefined ? offset : { ...offset, vector };
}

/** What was committed need not be committed again, unless reading has begun anew meanwhile. */
export function noteStored(held: HeldPartition, { offset, vector }: OffsetToCommit): void {
  const isAsRead = isSameVector(vector, vectorAt(held.behind, offset));
  held.committedOffset = isAsRead ? offset : undefined;
}
