import { MillraceError } from '../errors.ts';
import type { CommittedOffset, Groups } from '../groups.ts';
import type { Log, PartitionPlace } from '../log.ts';
import type { Call } from '../storage/call.ts';
import type { PushSettings } from './push-settings.ts';
import { slots } from './slots.ts';

export interface HasWorkParts {
  readonly log: Pick<Log, 'resolveTopic' | 'fetch' | 'listOffsets'>;
  readonly groups: Pick<Groups, 'committed'>;
}

/**
 * ⚑ Offsets of a group without members go after a week without a commit. Where nothing has been committed for so long
 * somebody joins and commits again.
 */
export const RECOMMIT_MS = 43_200_000;
const LOOKS_AT_ONCE = 16;

/**
 * Whether there may be something to be sent: a look that costs a read unit for each idle partition, where joining the
 * group and taking the partition over would cost writes. It may be wrong only in saying that there is.
 */
export async function hasWork(
  parts: HasWorkParts,
  { group, topics, startingPosition }: PushSettings,
  nowMs: number,
  call: Call,
): Promise<boolean> {
  const { log, groups } = parts;
  const positions = new Map<string, CommittedOffset>();
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const committed of await groups.committed(group, undefined, call)) {
    positions.set(`${committed.topicId}:${committed.partition}`, committed);
    newestMs = Math.max(newestMs, committed.committedMs);
  }
  if (positions.size > 0 && nowMs - newestMs > RECOMMIT_MS) return true;

  const limited = slots(LOOKS_AT_ONCE);
  let found = false;
  const look = async (place: PartitionPlace, committed: CommittedOffset | undefined): Promise<void> => {
    if (found) return;
    const isThere = committed === undefined ? await isBegun(place) : await hasMore(place, committed.offset);
    if (isThere) found = true;
  };
  const isBegun = async (place: PartitionPlace): Promise<boolean> => {
    if (startingPosition === 'latest') return true;
    const { offset } = await log.listOffsets({ ...place, at: 'earliest' }, call);
    return hasMore(place, offset);
  };
  const hasMore = async (place: PartitionPlace, offset: number): Promise<boolean> => {
    try {
      return (await log.fetch({ ...place, offset, maxBytes: 1 }, call)).batches.length > 0;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'OFFSET_OUT_OF_RANGE') return true;
      throw error;
    }
  };
  for (const name of topics) {
    const topic = await log.resolveTopic(name, call).catch(unknownTopic);
    const partitions = Array.from({ length: topic?.partitionCount ?? 0 }, (_, partition) => partition);
    await Promise.all(
      partitions.map((partition) =>
        limited.run(() => look({ topic: name, partition }, positions.get(`${topic?.topicId}:${partition}`))),
      ),
    );
    if (found) return true;
  }
  return false;
}

/** It may be created yet. */
function unknownTopic(error: unknown): undefined {
  if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
  throw error;
}
