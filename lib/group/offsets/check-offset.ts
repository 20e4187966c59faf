import { MillraceError } from '../../errors.ts';
import type { OffsetToCommit } from '../../groups.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import { utf8Bytes } from '../../storage/units.ts';
import type { GroupParts } from '../group-parts.ts';
import { offsetError } from './put-offset.ts';
import { checkVector, HERE } from './vector.ts';

const EPOCH_MAX = 2 ** 31 - 1;

export type CheckedOffset =
  | { readonly kind: 'sound'; readonly offset: OffsetToCommit; readonly topicId: string }
  | { readonly kind: 'refused'; readonly offset: OffsetToCommit; readonly error: MillraceError };

/**
 * Whether a position may be committed at all, whoever asks: OFFSET_OUT_OF_RANGE, OFFSET_METADATA_TOO_LARGE,
 * INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION. Costs nothing where the process has seen the partition reach that far.
 */
export async function checkOffset(
  { log }: Pick<GroupParts, 'log'>,
  offset: OffsetToCommit,
  call: Call,
): Promise<CheckedOffset> {
  try {
    checkNumbers(offset);
    checkMetadata(offset.metadata ?? '');
    if (offset.vector !== undefined) checkVector(offset.vector);
    // ⚑ What is said to have been read of this region's own records has to be there as well.
    const end = Math.max(offset.offset, offset.vector?.get(HERE) ?? 0);
    const { topicId, isReached } = await log.reaches({ ...offset, offset: end }, call);
    if (!isReached) {
      throw outOfRange(`Partition ${offset.partition} of topic '${offset.topic}' ends before ${end}`);
    }
    return { kind: 'sound', offset, topicId };
  } catch (fault) {
    return { kind: 'refused', offset, error: offsetError(fault) };
  }
}

function checkNumbers({ offset, leaderEpoch = -1 }: OffsetToCommit): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw outOfRange(`${offset} is not an offset: they begin at 0`);
  }
  if (Number.isInteger(leaderEpoch) && leaderEpoch >= -1 && leaderEpoch <= EPOCH_MAX) return;
  throw new MillraceError('INVALID_REQUEST', `A leader epoch is a whole number from -1 to ${EPOCH_MAX}`);
}

function checkMetadata(metadata: string): void {
  if (!metadata.isWellFormed()) {
    throw new MillraceError('INVALID_REQUEST', 'The metadata is not well-formed text');
  }
  if (utf8Bytes(metadata) <= LIMITS.offsetMetadataBytesMax) return;
  const message = `The metadata of a commit takes at most ${LIMITS.offsetMetadataBytesMax} bytes`;
  throw new MillraceError('OFFSET_METADATA_TOO_LARGE', message);
}

function outOfRange(message: string): MillraceError {
  return new MillraceError('OFFSET_OUT_OF_RANGE', message);
}
