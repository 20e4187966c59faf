import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import type { TopicCatalog } from '../../topic/topic-catalog.ts';
import { atOnce } from '../at-once.ts';
import type { Group } from '../group-item.ts';
import type { SeenGroup } from '../group-store.ts';
import { storageMs } from '../storage-time.ts';
import { offsetsOf } from './committed.ts';
import { offsetSortKey, offsetsKey, type StandingOffset } from './offset-item.ts';

/** Whether the topic of a position that has just been read is still there. */
export type TopicLook = (offset: StandingOffset, call: Call) => Promise<boolean>;

const DELETES_AT_ONCE = 16;

/**
 * ⚑ A topic that was seen with the position's id is there; otherwise it is looked at anew, after the position, because it
 * may be younger than the look before. Ids never come back.
 */
export function topicLook(topics: Pick<TopicCatalog, 'describe'>): TopicLook {
  const ids = new Map<string, string>();
  return async ({ topic, topicId }, call) => {
    if (ids.get(topic) === topicId) return true;
    try {
      const found = await topics.describe(topic, call);
      ids.set(topic, found.topicId);
      return found.topicId === topicId;
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return false;
      throw error;
    }
  };
}

/** Removes a group's positions in topics that are gone. Answers how many. */
export async function removeDeadOffsets(
  { catalog, rules }: Pick<EngineParts, 'catalog' | 'rules'>,
  { seen, group, look }: { readonly seen: SeenGroup; readonly group: Group; readonly look: TopicLook },
  call: Call,
): Promise<number> {
  const { incarnation } = group;
  const nowMs = storageMs(seen.observation);
  let count = 0;
  for await (const page of offsetsOf({ catalog }, incarnation, call)) {
    const removals = await atOnce(page, DELETES_AT_ONCE, async (standing) => {
      const isDead = !(await look(standing, call)) || (!rules.offsetsOutliveQuiet && isOld(standing, nowMs));
      if (!isDead) return false;
      const key = { pk: offsetsKey(incarnation), sk: offsetSortKey(standing.topicId, standing.partition) };
      return (await catalog.delete(key, { ifVersion: standing.version }, call)).deleted;
    });
    count += removals.filter((isRemoved) => isRemoved).length;
  }
  return count;
}

/** What must not matter. */
function isOld({ position }: StandingOffset, nowMs: number): boolean {
  return position !== undefined && nowMs - position.committedMs > LIMITS.offsetsRetentionMs;
}
