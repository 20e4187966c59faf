import { MillraceError } from '../../errors.ts';
import type { PartitionPlace } from '../../log.ts';
import type { ClientParts } from '../client-parts.ts';
import type { ConsumerSettings } from './consumer-options.ts';
import type { Position } from './held-partition.ts';

/** Where reading can be told to go on. */
export type SeekTarget = number | 'earliest' | 'latest' | { readonly timestampMs: number };

export interface SeekPlace extends PartitionPlace {
  /** If it is known: UNKNOWN_TOPIC_ID where the name stands for another topic by now. */
  readonly topicId?: string | undefined;
}

/** By `autoOffsetReset`. OFFSET_OUT_OF_RANGE if that is `none`. */
export async function resetPosition(
  parts: ClientParts,
  settings: ConsumerSettings,
  place: SeekPlace,
): Promise<Position> {
  const { autoOffsetReset, groupId, requestTimeoutMs } = settings;
  if (autoOffsetReset !== 'none') {
    return seekPosition(parts, place, { to: autoOffsetReset, timeoutMs: requestTimeoutMs });
  }
  const { topic, partition } = place;
  const whose = groupId === undefined ? '' : ` of group '${groupId}'`;
  throw new MillraceError(
    'OFFSET_OUT_OF_RANGE',
    `There is no position${whose} to go on from in partition ${partition} of topic '${topic}', and autoOffsetReset is 'none': seek() to one, or set autoOffsetReset`,
  );
}

/** A time after the last record's is the end. OFFSET_OUT_OF_RANGE for what is no offset, INVALID_REQUEST for no target at all. */
export async function seekPosition(
  parts: ClientParts,
  place: SeekPlace,
  { to, timeoutMs }: { readonly to: SeekTarget; readonly timeoutMs: number },
): Promise<Position> {
  if (typeof to === 'number') {
    if (Number.isSafeInteger(to) && to >= 0) return { offset: to, leaderEpoch: -1 };
    throw new MillraceError(
      'OFFSET_OUT_OF_RANGE',
      `${to} is not an offset: they are whole numbers from 0 on`,
    );
  }
  const isTarget = to === 'earliest' || to === 'latest' || Number.isFinite(to?.timestampMs);
  if (!isTarget) {
    const message = 'Reading goes on at an offset, earliest, latest, or { timestampMs }';
    throw new MillraceError('INVALID_REQUEST', message);
  }
  const { topic, partition, topicId } = place;
  const of = { topic, partition, ...(topicId === undefined ? {} : { topicId }) };
  const call = parts.newCall({ timeoutMs });
  const { offset } = await parts.log.listOffsets({ ...of, at: to }, call);
  if (offset >= 0) return { offset, leaderEpoch: -1 };
  const end = await parts.log.listOffsets({ ...of, at: 'latest' }, call);
  return { offset: end.offset, leaderEpoch: -1 };
}
