import { TOPICS_KEY, topicFromItem } from '../../lib/topic/topic-item.ts';
import type { Change } from './table-server.ts';
import type { Violation } from './violation.ts';

/** I5: a name that is created again stands for a new topic; no topic id ever comes back. */
export function checkTopics(changes: readonly Change<string>[]): Violation[] {
  const found: Violation[] = [];
  const known = new Set<string>();
  for (const { key, item, before, atMs, by } of changes) {
    if (key.pk !== TOPICS_KEY || item === undefined || before !== undefined) continue;
    const { topicId, name } = topicFromItem(item);
    if (known.has(topicId)) {
      found.push({
        invariant: 'I5',
        message: `${by} brought the deleted topic ${name} ${topicId} back`,
        atMs,
      });
    }
    known.add(topicId);
  }
  return found;
}
