import type { AssignedTopic } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';

/** A partition as groups know it: a topic that was created again under its name is another one. */
export interface GroupPlace extends PartitionPlace {
  readonly topicId: string;
}

export const groupPlaceKey = ({ topicId, partition }: GroupPlace): string => `${topicId}:${partition}`;

export function placesOf(assignment: readonly AssignedTopic[]): GroupPlace[] {
  return assignment.flatMap(({ topicId, topic, partitions }) =>
    partitions.map((partition) => ({ topicId, topic, partition })),
  );
}

export function topicsOf(places: readonly GroupPlace[]): AssignedTopic[] {
  const topics = new Map<string, { topicId: string; topic: string; partitions: number[] }>();
  for (const { topicId, topic, partition } of places) {
    const known = topics.get(topicId);
    if (known === undefined) topics.set(topicId, { topicId, topic, partitions: [partition] });
    else known.partitions.push(partition);
  }
  for (const { partitions } of topics.values()) partitions.sort((a, b) => a - b);
  return [...topics.values()];
}

/** Those of `places` that are not in `others`. */
export function without(places: readonly GroupPlace[], others: readonly GroupPlace[]): GroupPlace[] {
  const keys = new Set(others.map(groupPlaceKey));
  return places.filter((place) => !keys.has(groupPlaceKey(place)));
}
