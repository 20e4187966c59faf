import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import { closePartition } from '../partition/close-partition.ts';
import type { Call } from '../storage/call.ts';
import { ITEM_FORMAT } from '../storage/format.ts';
import { eachPartition } from './close-topic.ts';
import { DELETED_KEY, type Topic, topicToItem } from './topic-item.ts';

/** Closes the partitions of a topic that is being deleted, notes down what is left to be removed, and frees the name. */
export async function finishDeletion(
  deps: Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random' | 'rules'>,
  topic: Topic,
  call: Call,
): Promise<void> {
  const { catalog, clock, random, rules } = deps;
  if (rules.closedMarker) await eachPartition(topic, (pk) => closePartition(deps, pk, call));
  const ledger = {
    pk: DELETED_KEY,
    sk: topic.topicId,
    version: random.id(),
    attributes: { f: ITEM_FORMAT, n: topic.name, p: topic.partitionCount },
  };
  const { observation } = await catalog.put(ledger, { condition: { kind: 'ifAbsent' } }, call);
  const nowMs = Math.max(clock.wallMs(), observation.serverMs ?? 0);
  const deleted: Topic = {
    ...topic,
    state: 'deleted',
    version: random.id(),
    expiresAtSeconds: Math.ceil((nowMs + LIMITS.deletedTopicLifeMs) / 1000),
  };
  // Losing means that somebody else has finished it.
  const condition = { kind: 'ifVersion', version: topic.version } as const;
  await catalog.put(topicToItem(deleted), { condition }, call);
}
