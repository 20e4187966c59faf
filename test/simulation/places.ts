import { chunkFromItem, partitionKey } from '../../lib/partition/chunk.ts';
import { SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import type { TopicConfigs } from '../../lib/topic/configs.ts';
import { TOPICS_KEY, type Topic, topicFromItem } from '../../lib/topic/topic-item.ts';
import type { Storage } from './storage.ts';

/** A partition of a topic that is there now. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly pk: string;
  readonly configs: TopicConfigs;
}

export function livePlaces(storage: Storage): Place[] {
  return topicsIn(storage, 'active').flatMap(({ name: topic, topicId, partitionCount, configs }) =>
    Array.from({ length: partitionCount }, (_, partition) => ({
      topic,
      partition,
      pk: partitionKey(topicId, partition),
      configs,
    })),
  );
}

export function livePartitions(storage: Storage): string[] {
  return livePlaces(storage).map(({ pk }) => pk);
}

export function topicsIn(storage: Storage, state: Topic['state']): Topic[] {
  return storage.catalog
    .peek(TOPICS_KEY)
    .map(topicFromItem)
    .filter((topic) => topic.state === state);
}

export function sealedEnd(storage: Storage, pk: string): number {
  const segments = storage.catalog.peek(pk).filter((item) => item.sk.startsWith(SEGMENT_PREFIX));
  return Math.max(0, ...segments.map((item) => segmentFromItem(item).endOffset));
}

export function hasUnsealed(storage: Storage, pk: string): boolean {
  const end = sealedEnd(storage, pk);
  return storage.hot.peek(pk).some((item) => chunkFromItem(item).endOffset > end);
}

/** By segments, and by chunks that are not sealed yet. */
export function objectsReferredTo(storage: Storage, pk: string): string[] {
  const segments = storage.catalog.peek(pk).filter((item) => item.sk.startsWith(SEGMENT_PREFIX));
  const end = sealedEnd(storage, pk);
  const chunks = storage.hot
    .peek(pk)
    .map(chunkFromItem)
    .filter(({ endOffset }) => endOffset > end);
  return [
    ...segments.flatMap((item) => segmentFromItem(item).objectKey ?? []),
    ...chunks.flatMap(({ body }) => (body.kind === 'spilled' ? body.span.key : [])),
  ];
}
