import { MillraceError } from '../../errors.ts';
import type { CommittedOffset, OffsetReset, Vector } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';
import type { Call } from '../../storage/call.ts';
import { observeNow } from '../../storage/observation.ts';
import { atOnce } from '../at-once.ts';
import { notEmpty } from '../ending/delete-group.ts';
import type { Group } from '../group-item.ts';
import { emptyGroup } from '../members/empty-group.ts';
import { checkGroupId } from '../names.ts';
import { putFromOutside } from './commit-from-outside.ts';
import { committedOf } from './offset-item.ts';
import { type OffsetParts, PLACES_AT_ONCE } from './offset-parts.ts';
import { checkVector, HERE, vectorBeyond } from './vector.ts';

type Placed = PartitionPlace & {
  readonly topicId: string;
  readonly offset: number;
  readonly vector?: Vector | undefined;
};

/**
 * `Groups.resetOffsets`. A time behind the last record is the end, as Kafka's own tool has it. A group that is not there
 * begins with its positions.
 */
export async function resetOffsets(
  parts: OffsetParts,
  groupId: string,
  resets: readonly OffsetReset[],
  call: Call,
): Promise<readonly CommittedOffset[]> {
  checkGroupId(groupId);
  const placed = await atOnce(resets, PLACES_AT_ONCE, (reset) => place(parts, reset, call));
  if (placed.length === 0) return [];
  const empty = (): Promise<Group> => emptyGroup(parts, groupId, notEmpty, call);
  const group = await empty();
  const began = observeNow(parts.clock);
  const stored = await atOnce(placed, PLACES_AT_ONCE, ({ offset, vector, ...rest }) => {
    const beyond = vectorBeyond(vector, offset);
    const position = {
      ...{ offset, leaderEpoch: -1, metadata: '' },
      ...(beyond === undefined ? {} : { vector: beyond }),
    };
    return putFromOutside(parts, { place: rest, position, group, empty, began }, call);
  });
  return stored.flatMap((standing) => committedOf(standing) ?? []);
}

async function place(
  { log }: OffsetParts,
  { topic, partition, to }: OffsetReset,
  call: Call,
): Promise<Placed> {
  const { topicId } = await log.resolveTopic(topic, call);
  const at = async (where: 'earliest' | 'latest' | { readonly timestampMs: number }): Promise<number> =>
    (await log.listOffsets({ topic, partition, at: where }, call)).offset;
  if (to === 'earliest' || to === 'latest') return { topic, partition, topicId, offset: await at(to) };
  if ('timestampMs' in to) {
    const found = await at(to);
    return { topic, partition, topicId, offset: found === -1 ? await at('latest') : found };
  }
  const { offset, vector } = to;
  if (vector !== undefined) checkVector(vector);
  const [earliest, latest] = [await at('earliest'), await at('latest')];
  const end = Math.max(offset, vector?.get(HERE) ?? 0);
  if (Number.isSafeInteger(offset) && offset >= earliest && end <= latest) {
    return { topic, partition, topicId, offset, vector };
  }
  const message = `Partition ${partition} of topic '${topic}' holds the offsets from ${earliest} to ${latest}, not ${end}`;
  throw new MillraceError('OFFSET_OUT_OF_RANGE', message);
}
