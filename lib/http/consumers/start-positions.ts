import { MillraceError } from '../../errors.ts';
import { atOnce } from '../../group/at-once.ts';
import { readBehind } from '../../group/offsets/read-behind.ts';
import type { CommittedOffset } from '../../groups.ts';
import type { WantedPlace } from '../../topic/wanted-place.ts';
import {
  type ConsumerInstance,
  type HeldPartition,
  isTopicGone,
  type OffsetReset,
  wantedPlace,
} from './instance.ts';
import { type ConsumerParts, REQUESTS_AT_ONCE } from './parts.ts';
import type { TakenPlace } from './plan-held.ts';

export interface Start extends TakenPlace {
  readonly committed?: CommittedOffset;
}

/**
 * Where the instance goes on in each partition: behind what is committed, else by its reset. Partitions of topics that are
 * gone are left out.
 */
export async function startPositions(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  starts: readonly Start[],
): Promise<readonly HeldPartition[]> {
  const found = await atOnce(starts, REQUESTS_AT_ONCE, async ({ topicId, topic, partition, committed }) => {
    const place = { topicId, topic, partition };
    if (committed !== undefined) {
      const { offset, vector } = committed;
      const behind = committed.topicId === topicId ? readBehind(vector, offset) : undefined;
      return { ...place, next: offset, committed: offset, behind };
    }
    try {
      return {
        ...place,
        next: await resetOffset(parts, wantedPlace(instance, place), instance.settings.reset),
        committed: undefined,
      };
    } catch (error) {
      if (error instanceof MillraceError && isTopicGone(error)) return undefined;
      throw error;
    }
  });
  return found.filter((held) => held !== undefined);
}

/** Undefined without a reset. UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID. */
export async function resetOffset(
  { log, call }: ConsumerParts,
  place: WantedPlace,
  reset: OffsetReset,
): Promise<number | undefined> {
  if (reset === 'none') return undefined;
  return (await log.listOffsets({ ...place, at: reset }, call)).offset;
}
