import { type ErrorCode, MillraceError } from '../../errors.ts';
import { stillBehind, vectorAt } from '../../group/offsets/read-behind.ts';
import type { CommitResult, OffsetToCommit } from '../../groups.ts';
import { type ConsumerInstance, type HeldPartition, isMember, placeKey, wantedPlace } from './instance.ts';
import type { ConsumerParts } from './parts.ts';

/** What was read and is not committed yet. */
export function uncommitted(
  instance: ConsumerInstance,
  held: readonly HeldPartition[] = instance.held,
): readonly OffsetToCommit[] {
  return held.flatMap((place) => {
    const { next, committed } = place;
    return next === undefined || next === committed
      ? []
      : [{ ...wantedPlace(instance, place), offset: next }];
  });
}

/** With what the group has read behind the offsets, as far as the instance knows. */
function withVectors(
  { held }: ConsumerInstance,
  offsets: readonly OffsetToCommit[],
): readonly OffsetToCommit[] {
  const told = new Map(held.filter(({ behind }) => behind !== undefined).map((one) => [placeKey(one), one]));
  if (told.size === 0) return offsets;
  return offsets.map((offset) => {
    const { topicId, behind } = told.get(placeKey(offset)) ?? {};
    const vector = vectorAt(behind, offset.offset);
    if (topicId === undefined || vector === undefined) return offset;
    return { ...offset, topicId, vector };
  });
}

/**
 * Commits in the name of the instance: as the member it is, or as nobody if it chose its partitions itself. Answers the
 * instance as it is then, and what could not be committed. Throws what concerns the whole commit.
 */
export async function commitOffsets(
  { groups, call }: ConsumerParts,
  instance: ConsumerInstance,
  offsets: readonly OffsetToCommit[],
): Promise<{ readonly instance: ConsumerInstance; readonly failed: readonly CommitResult[] }> {
  if (offsets.length === 0) return { instance, failed: [] };
  const { groupId, memberId, memberEpoch } = instance;
  const member = isMember(instance) ? { member: { memberId, memberEpoch } } : {};
  const told = withVectors(instance, offsets);
  const results = await groups.commit({ groupId, ...member, offsets: told }, call);
  const stored = new Map<string, number>();
  for (const [index, { topic, partition, offset }] of offsets.entries()) {
    if (results[index]?.error === undefined) stored.set(placeKey({ topic, partition }), offset);
  }
  return {
    instance: { ...instance, held: withMarks(instance.held, stored) },
    failed: results.filter(({ error }) => error !== undefined),
  };
}

function withMarks(
  held: readonly HeldPartition[],
  stored: ReadonlyMap<string, number>,
): readonly HeldPartition[] {
  return held.map((partition) => {
    const committed = stored.get(placeKey(partition));
    if (committed === undefined) return partition;
    const { behind, ...rest } = partition;
    const left = stillBehind(behind, committed);
    return { ...rest, committed, ...(left === undefined ? {} : { behind: left }) };
  });
}

/**
 * What Kafka's consumer does when it is polled, closed or given other partitions, with auto commit on. What fails is
 * tried again the next time; until then it is only delivered, which may happen once more.
 */
export async function autoCommit(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  held: readonly HeldPartition[] = instance.held,
): Promise<ConsumerInstance> {
  if (!instance.settings.autoCommit) return instance;
  try {
    const { instance: marked, failed } = await commitOffsets(parts, instance, uncommitted(instance, held));
    for (const { error } of failed) noteUnexpected(parts, error);
    return marked;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    noteUnexpected(parts, error);
    return instance;
  }
}

/** Others have taken over, the topic is gone, the client sought beyond the end: none of these is for the operator. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  'UNKNOWN_MEMBER_ID',
  'STALE_MEMBER_EPOCH',
  'FENCED_MEMBER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'UNKNOWN_TOPIC_ID',
  'OFFSET_OUT_OF_RANGE',
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
]);

/** What one partition met while the others go on. */
export function noteUnexpected({ noteFault }: ConsumerParts, error: MillraceError | undefined): void {
  if (error !== undefined && !EXPECTED.has(error.code)) noteFault(error);
}
