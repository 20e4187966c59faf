import { logStartFromItem } from '../../../lib/segment/log-start.ts';
import { LOG_START_KEY } from '../../../lib/segment/segment-item.ts';
import { TOPICS_KEY, type Topic, topicFromItem } from '../../../lib/topic/topic-item.ts';
import { createSeries, type Series } from '../series.ts';
import type { Storage } from '../storage.ts';

/** Every topic that there ever was in a region, by id, as it was when it was last there. */
export function topicsEver({ catalog }: Storage): ReadonlyMap<string, Topic> {
  const found = new Map<string, Topic>();
  for (const { cause, key, item } of catalog.changes) {
    if (cause !== 'put' || key.pk !== TOPICS_KEY || item === undefined) continue;
    const topic = topicFromItem(item);
    if (topic.state === 'active') found.set(topic.topicId, topic);
  }
  return found;
}

/** Where a partition began, over time, and how that was decided first. */
export interface LogStarts {
  readonly series: Series<number>;
  readonly first: { readonly offset: number; readonly atMs: number; readonly by: string };
}

/** By partition key; what is not in it began at 0. */
export function logStartsIn({ catalog }: Storage): ReadonlyMap<string, LogStarts> {
  const found = new Map<string, LogStarts>();
  for (const { cause, key, item, atMs, by } of catalog.changes) {
    if (cause !== 'put' || key.sk !== LOG_START_KEY || item === undefined) continue;
    const { offset } = logStartFromItem(item);
    const known = found.get(key.pk) ?? { series: createSeries(0), first: { offset, atMs, by } };
    known.series.add(atMs, offset);
    found.set(key.pk, known);
  }
  return found;
}
