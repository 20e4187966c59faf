import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { TOPICS_KEY, topicFromItem } from '../../topic/topic-item.ts';
import type { CopyPlace } from './copy-outcome.ts';

/**
 * ⚑ Whether the target's topic still is the copy that is being added to. One that was promoted is written by others; a copier
 * that slept meanwhile would bring what is copied elsewhere by now. Consistent.
 */
export async function isStillCopy(
  { catalog }: Pick<EngineParts, 'catalog'>,
  { targetTopic, targetPk, sourcePk }: Pick<CopyPlace, 'targetTopic' | 'targetPk' | 'sourcePk'>,
  call: Call,
): Promise<boolean> {
  if (targetTopic === undefined) return true;
  const { item } = await catalog.get({ pk: TOPICS_KEY, sk: targetTopic }, { consistent: true }, call);
  const topic = item === undefined ? undefined : topicFromItem(item);
  if (topic?.state !== 'active' || topic.topicId !== topicIdOf(targetPk)) return false;
  return topic.remote?.topicId === topicIdOf(sourcePk);
}

const topicIdOf = (pk: string): string => pk.slice(0, pk.lastIndexOf(':'));
