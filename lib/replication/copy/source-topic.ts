import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { TOPICS_KEY, topicFromItem } from '../../topic/topic-item.ts';
import type { CopyPlace } from './copy-outcome.ts';

export type SourceTopicGone =
  | { readonly kind: 'sourceGone' }
  | { readonly kind: 'sourceRecreated'; readonly topicId: string };

/** ⚑ Whether the source's topic still is the one that is being copied; undefined if so. Consistent. */
export async function lookAtSourceTopic(
  { catalog }: Pick<EngineParts, 'catalog'>,
  { sourceTopic, sourcePk }: CopyPlace,
  call: Call,
): Promise<SourceTopicGone | undefined> {
  const { item } = await catalog.get({ pk: TOPICS_KEY, sk: sourceTopic }, { consistent: true }, call);
  const topic = item === undefined ? undefined : topicFromItem(item);
  if (topic?.state !== 'active') return { kind: 'sourceGone' };
  const topicId = sourcePk.slice(0, sourcePk.lastIndexOf(':'));
  return topic.topicId === topicId ? undefined : { kind: 'sourceRecreated', topicId: topic.topicId };
}
