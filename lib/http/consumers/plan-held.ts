import type { AssignedTopic } from '../../groups.ts';
import type { HeldPartition } from './instance.ts';

export interface HeldPlan {
  readonly keep: readonly HeldPartition[];
  readonly giveUp: readonly HeldPartition[];
  readonly take: readonly TakenPlace[];
}

export type TakenPlace = Pick<HeldPartition, 'topicId' | 'topic' | 'partition'>;

/** What is between the partitions that an instance holds and those that its group assigns to it. */
export function planHeld(held: readonly HeldPartition[], assignment: readonly AssignedTopic[]): HeldPlan {
  const assigned = new Map(
    assignment.flatMap(({ topicId, topic, partitions }) =>
      partitions.map((partition): [string, TakenPlace] => [
        keyOf({ topicId, partition }),
        { topicId, topic, partition },
      ]),
    ),
  );
  const known = new Set(held.map(keyOf));
  return {
    keep: held.filter((partition) => assigned.has(keyOf(partition))),
    giveUp: held.filter((partition) => !assigned.has(keyOf(partition))),
    take: [...assigned].filter(([key]) => !known.has(key)).map(([, place]) => place),
  };
}

/** What an instance holds, as its group is told. */
export function ownedBy(held: readonly HeldPartition[]): readonly AssignedTopic[] {
  const topics = new Map<string, { topicId: string; topic: string; partitions: number[] }>();
  for (const { topicId, topic, partition } of held) {
    const owned = topics.get(topicId);
    if (owned === undefined) topics.set(topicId, { topicId, topic, partitions: [partition] });
    else owned.partitions.push(partition);
  }
  for (const { partitions } of topics.values()) partitions.sort((a, b) => a - b);
  return [...topics.values()];
}

const keyOf = ({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string =>
  `${topicId}:${partition}`;
