import type { TopicToAssign } from './assignment.ts';

/**
 * Kafka's range assignor: every topic's partitions are dealt out in stretches, in the order of the members; the first
 * ones get one more where it does not come out even. Members with the same topics get the same partitions of topics with
 * the same number of partitions, so that what belongs together meets in one place.
 */
export function assignRange(topics: readonly TopicToAssign[]): readonly (readonly number[])[] {
  return topics.map(({ owner, subscribers }) => {
    const each = Math.floor(owner.length / subscribers.length);
    const withOneMore = owner.length % subscribers.length;
    return subscribers.flatMap((member, place) =>
      new Array<number>(each + (place < withOneMore ? 1 : 0)).fill(member),
    );
  });
}
