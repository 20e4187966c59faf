import { isCompacted } from '../../topic/configs.ts';
import type { Topic } from '../../topic/topic-item.ts';
import type { TopicPlan } from './plan-topic.ts';

/**
 * What is to be done about a topic that is written in its source and here: `standing` has its name, `boundId` is the id of
 * the source's topic that it has records of, if it has any.
 *
 * ⚑ A topic that was a copy and was promoted is not merged: nothing tells which of its records were produced where.
 *
 * Configs are the source's when the topic is made here, and each region's own from then on: of two that are changed at once
 * neither is the older. Partitions are as many as the region with the most has.
 */
export function planMerged(
  source: Topic,
  standing: Topic | undefined,
  known: { readonly alias: string; readonly boundId: string | undefined },
): TopicPlan {
  const { name, topicId, partitionCount } = source;
  const compacted = [source, standing].find((topic) => topic !== undefined && isCompacted(topic.configs));
  if (compacted !== undefined) {
    return {
      kind: 'conflict',
      name,
      reason: 'A topic that is written in several regions cannot be compacted',
    };
  }
  if (source.promoted !== undefined) {
    const reason = `The topic in '${known.alias}' was a copy once, and does not tell what was written there`;
    return { kind: 'conflict', name, reason };
  }
  if (standing === undefined) return { kind: 'create', name };
  if (standing.remote !== undefined) {
    const reason = `The topic of that name is a copy from region '${standing.remote.source}'`;
    return { kind: 'conflict', name, reason };
  }
  if (standing.promoted !== undefined) {
    const reason = `The topic of that name was a copy from region '${standing.promoted.source}' once, and does not tell what was written here`;
    return { kind: 'conflict', name, reason };
  }
  if (known.boundId !== undefined && known.boundId !== topicId) {
    const reason = `Topic '${name}' of '${known.alias}' was deleted and made anew; what is here of it is of the old one`;
    return { kind: 'recreated', target: standing, reason };
  }
  const grows = partitionCount > standing.partitionCount;
  return { kind: 'follow', target: standing, ...(grows ? { partitionCount } : {}), alterations: [] };
}
