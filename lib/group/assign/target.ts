import type { AssignorName, Group, GroupTopic } from '../group-item.ts';
import type { Covers } from '../members/subscription.ts';
import { assignRange } from './assign-range.ts';
import { assignUniform } from './assign-uniform.ts';
import type { Assignor } from './assignment.ts';

/** A topic as the catalogue has it now. */
export interface TopicThere {
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
}

export interface Targeting {
  readonly there: readonly TopicThere[];
  readonly covers: Covers;
}

const ASSIGNORS: Readonly<Record<AssignorName, Assignor>> = { uniform: assignUniform, range: assignRange };

/** What the group itself knows of the topics; for changes of its roster that do not wait for a look at the catalogue. */
export function topicsAsKnown(group: Group): readonly TopicThere[] {
  return group.topics.map(({ name, topicId, owner }) => ({ name, topicId, partitionCount: owner.length }));
}

/**
 * The group with its topics as they are there and a new target. Owners stay; a topic that is gone, or stands under
 * another id, takes its owners with it. One that nobody subscribes to any more stays until the last partition is given up.
 */
export function withTarget(group: Group, { there, covers }: Targeting): Group {
  const assignor = favourite(group);
  const subscribed = there
    .map((topic) => ({ topic, subscribers: subscribersOf(group, topic.name, covers) }))
    .filter(({ subscribers }) => subscribers.length > 0);
  const known = new Map(group.topics.map((topic) => [topic.topicId, topic]));
  const toAssign = subscribed.map(({ topic, subscribers }) => ({
    ...grown(topic, known.get(topic.topicId)),
    subscribers,
  }));
  const targets = ASSIGNORS[assignor](toAssign);
  const assigned = toAssign.map(
    ({ topicId, name, owner }, index): GroupTopic => ({ topicId, name, owner, target: targets[index] ?? [] }),
  );
  const taken = new Set(assigned.map(({ topicId }) => topicId));
  const isThere = new Set(there.map(({ topicId }) => topicId));
  const leftOver = group.topics
    .filter(({ topicId, owner }) => !taken.has(topicId) && isThere.has(topicId) && owner.some(Boolean))
    .map((topic) => ({ ...topic, target: topic.owner.map(() => 0) }));
  const topics = [...assigned, ...leftOver].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...group, assignor, topics };
}

/** Whether two states of a group differ in what belongs to whom. */
export function sameTopics(a: Group, b: Group): boolean {
  return (
    a.assignor === b.assignor &&
    a.topics.length === b.topics.length &&
    a.topics.every((topic, index) => sameTopic(topic, b.topics[index]))
  );
}

function sameTopic(a: GroupTopic, b: GroupTopic | undefined): boolean {
  return (
    b !== undefined &&
    a.topicId === b.topicId &&
    a.owner.length === b.owner.length &&
    a.owner.every((number, partition) => number === b.owner[partition]) &&
    a.target.every((number, partition) => number === b.target[partition])
  );
}

/** Kafka's rule: what most members ask for; those that ask for nothing do not count. */
function favourite(group: Group): AssignorName {
  let balance = 0;
  for (const { subscription } of group.roster) {
    const assignor = group.subscriptions[subscription]?.assignor ?? '';
    if (assignor === 'range') balance += 1;
    if (assignor === 'uniform') balance -= 1;
  }
  return balance > 0 ? 'range' : 'uniform';
}

function subscribersOf(group: Group, topic: string, covers: Covers): readonly number[] {
  const covered = group.subscriptions.map((subscription) => covers(subscription, topic));
  return group.roster
    .filter(({ subscription }) => covered[subscription] === true)
    .map(({ number }) => number);
}

/** Partitions are only ever added; a look that shows fewer is an old one. */
function grown(topic: TopicThere, known: GroupTopic | undefined): GroupTopic {
  const { topicId, name, partitionCount } = topic;
  const padded = (numbers: readonly number[]): readonly number[] => [
    ...numbers,
    ...new Array<number>(Math.max(0, partitionCount - numbers.length)).fill(0),
  ];
  return { topicId, name, owner: padded(known?.owner ?? []), target: padded(known?.target ?? []) };
}
