import type { AssignedTopic } from '../../groups.ts';
import { type Group, type GroupTopic, isSettledTopic } from '../group-item.ts';

export interface Reconciled {
  /** The same object if nothing changed hands. */
  readonly group: Group;
  /** All that the member may own now. */
  readonly assignment: readonly AssignedTopic[];
  /** It still holds something that it has to give up first, and stays at its epoch. */
  readonly isRevoking: boolean;
}

/**
 * One member's step from what it owns to what it is to own (KIP-848): first it gives up what is meant for others, and
 * once it says that it has, takes what is meant for it and free. A partition is never in two hands, because taking and
 * giving up are changes of one item. `owned` is what the member says it has; undefined: as before.
 */
export function reconcile(
  group: Group,
  number: number,
  owned: readonly AssignedTopic[] | undefined,
): Reconciled {
  const isRevoking = owned === undefined ? isRevokingAny(group, number) : stillHolds(group, number, owned);
  if (isRevoking) {
    const keeps = (topic: GroupTopic, partition: number): boolean => topic.target[partition] === number;
    return { group, assignment: assignmentOf(group, number, keeps), isRevoking };
  }
  let changed = false;
  const topics = group.topics.map((topic) => {
    const owner = topic.owner.map((holder, partition) => settled(topic, partition, { holder, number }));
    if (owner.every((holder, partition) => holder === topic.owner[partition])) return topic;
    changed = true;
    return { ...topic, owner };
  });
  const settledGroup = changed ? { ...group, topics: withoutForsaken(topics) } : group;
  return { group: settledGroup, assignment: assignmentOf(settledGroup, number), isRevoking };
}

/** What a member owns; `also` narrows it down. */
export function assignmentOf(
  group: Group,
  number: number,
  also: (topic: GroupTopic, partition: number) => boolean = () => true,
): readonly AssignedTopic[] {
  return partitionsWhere(
    group,
    (topic, partition) => topic.owner[partition] === number && also(topic, partition),
  );
}

/** What a member is to own. */
export function targetOf(group: Group, number: number): readonly AssignedTopic[] {
  return partitionsWhere(group, (topic, partition) => topic.target[partition] === number);
}

/** Whether all of `a` is in `b`. Topics are told apart by their ids. */
export function isWithin(a: readonly AssignedTopic[], b: readonly AssignedTopic[]): boolean {
  const inside = new Map(b.map(({ topicId, partitions }) => [topicId, new Set(partitions)]));
  return a.every(({ topicId, partitions }) =>
    partitions.every((partition) => inside.get(topicId)?.has(partition) === true),
  );
}

/** Whether everything has gone where it was to go. */
export function isSettled(group: Group): boolean {
  return group.topics.every(isSettledTopic);
}

function settled(
  { target }: GroupTopic,
  partition: number,
  { holder, number }: { readonly holder: number; readonly number: number },
): number {
  const meant = target[partition];
  if (holder === number && meant !== number) return 0;
  return holder === 0 && meant === number ? number : holder;
}

/** Whether it owns something that is meant for somebody else, or for nobody. */
export function isRevokingAny(group: Group, number: number): boolean {
  return group.topics.some(({ owner, target }) =>
    owner.some((holder, partition) => holder === number && target[partition] !== number),
  );
}

/** Whether the member says that it has something which it is to give up. */
function stillHolds(group: Group, number: number, owned: readonly AssignedTopic[]): boolean {
  const topics = new Map(group.topics.map((topic) => [topic.topicId, topic]));
  return owned.some(({ topicId, partitions }) => {
    const topic = topics.get(topicId);
    return partitions.some(
      (partition) => topic?.owner[partition] === number && topic.target[partition] !== number,
    );
  });
}

/** A topic that nobody is to own any part of is there only until it is given up. */
function withoutForsaken(topics: readonly GroupTopic[]): readonly GroupTopic[] {
  return topics.filter(({ owner, target }) => owner.some(Boolean) || target.some(Boolean));
}

function partitionsWhere(
  group: Group,
  holds: (topic: GroupTopic, partition: number) => boolean,
): readonly AssignedTopic[] {
  return group.topics.flatMap((topic) => {
    const partitions = topic.owner.flatMap((_, partition) => (holds(topic, partition) ? [partition] : []));
    return partitions.length === 0 ? [] : [{ topicId: topic.topicId, topic: topic.name, partitions }];
  });
}
