import { atOnce } from '../../group/at-once.ts';
import type { CommittedOffset } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';
import type { ConsumerInstance, HeldPartition, OffsetReset } from './instance.ts';
import { type ConsumerParts, REQUESTS_AT_ONCE } from './parts.ts';
import type { TakenPlace } from './plan-held.ts';

export interface Start extends TakenPlace {
  readonly committed?: CommittedOffset;
}

/** Where the instance goes on in each partition: behind what is committed, else by its reset. */
export function startPositions(
  parts: ConsumerParts,
  { settings }: ConsumerInstance,
  starts: readonly Start[],
): Promise<readonly HeldPartition[]> {
  return atOnce(starts, REQUESTS_AT_ONCE, async ({ topicId, topic, partition, committed }) => {
    const offset = committed?.offset;
    const next = offset ?? (await resetOffset(parts, { topic, partition }, settings.reset));
    return { topicId, topic, partition, next, committed: offset };
  });
}

/** Undefined without a reset. UNKNOWN_TOPIC_OR_PARTITION. */
export async function resetOffset(
  { log, call }: ConsumerParts,
  { topic, partition }: PartitionPlace,
  reset: OffsetReset,
): Promise<number | undefined> {
  if (reset === 'none') return undefined;
  return (await log.listOffsets({ topic, partition, at: reset }, call)).offset;
}
