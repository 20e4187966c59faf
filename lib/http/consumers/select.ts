import { atOnce } from '../../group/at-once.ts';
import { LIMITS } from '../../limits.ts';
import type { TopicDescription } from '../../log.ts';
import { HttpError, unprocessable } from '../http-error.ts';
import { missingPartition } from '../number-param.ts';
import type { PlaceBody, SubscriptionBody } from '../schemas/consumers.ts';
import { autoCommit } from './commit.ts';
import { type ConsumerInstance, isMember, placeKey, type Selection } from './instance.ts';
import { keepMembership, leaveGroup } from './membership.ts';
import { type ConsumerParts, REQUESTS_AT_ONCE } from './parts.ts';
import { startPositions } from './start-positions.ts';

/** Partitions that a client may choose for one instance: its item holds a position for each. */
const ASSIGNED_MAX = 5_000;

const conflict = (message: string): HttpError => new HttpError({ status: 409, restCode: 40903 }, message);

const exclusive = (): HttpError =>
  conflict('Subscription to topics, partitions and pattern are mutually exclusive');

/** What a body subscribes to. 409 with code 40903 for topics and a pattern, 422 for neither. */
export function selectionOf({ topics, topic_pattern: pattern }: SubscriptionBody): Selection {
  if (topics && pattern) throw exclusive();
  if (pattern) return { kind: 'pattern', pattern };
  if (!topics) throw unprocessable('Either topics or topic_pattern is needed');
  if (topics.length > LIMITS.topicsPerSubscriptionMax) {
    throw unprocessable(`A subscription is of at most ${LIMITS.topicsPerSubscriptionMax} topics`);
  }
  return topics.length === 0 ? { kind: 'none' } : { kind: 'topics', topics: [...new Set(topics)] };
}

/**
 * Subscribes in place of what was subscribed before, joins the group, and takes over what it assigns at once. Topics have
 * to be there: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION; a pattern waits for its topics. 409 with code 40903
 * for an instance whose partitions were chosen.
 */
export async function subscribe(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  selection: Selection,
): Promise<ConsumerInstance> {
  if (instance.selection.kind === 'manual') throw exclusive();
  if (selection.kind === 'none') return unsubscribe(parts, instance);
  if (selection.kind === 'topics') {
    await atOnce(selection.topics, REQUESTS_AT_ONCE, (topic) => parts.log.resolveTopic(topic, parts.call));
  }
  return keepMembership(parts, { ...instance, selection }, { mayGiveUp: true, resubscribes: true });
}

/** Ends a subscription or an assignment, whichever there is. Commits nothing, as in Kafka. */
export async function unsubscribe(
  parts: ConsumerParts,
  instance: ConsumerInstance,
): Promise<ConsumerInstance> {
  await leaveGroup(parts, instance);
  return { ...instance, selection: { kind: 'none' }, memberEpoch: 0, held: [] };
}

/**
 * Gives the instance the partitions that its client has chosen, in place of those before. Positions of partitions that
 * it keeps stay. 409 with code 40903 for an instance that has subscribed, 404 for a topic or partition that is not there.
 */
export async function assign(
  parts: ConsumerParts,
  instance: ConsumerInstance,
  places: readonly PlaceBody[],
): Promise<ConsumerInstance> {
  if (isMember(instance)) throw exclusive();
  if (places.length > ASSIGNED_MAX) {
    throw unprocessable(`An instance reads at most ${ASSIGNED_MAX} partitions`);
  }
  if (places.length === 0) return { ...instance, selection: { kind: 'none' }, held: [] };
  const wanted = new Map(places.map((place) => [placeKey(place), place]));
  const topics = await topicsOf(parts, [...wanted.values()]);
  const now = await autoCommit(parts, instance);
  const keep = now.held.filter((held) => wanted.has(placeKey(held)));
  for (const held of keep) wanted.delete(placeKey(held));
  const added = [...wanted.values()].map(({ topic, partition }) => ({
    topicId: topics.get(topic)?.topicId ?? '',
    topic,
    partition,
  }));
  const committed =
    added.length === 0 ? [] : await parts.groups.committed(instance.groupId, added, parts.call);
  const offsets = new Map(committed.map((offset) => [placeKey(offset), offset]));
  const starts = added.map((place) => {
    const offset = offsets.get(placeKey(place));
    return offset === undefined ? place : { ...place, committed: offset };
  });
  const taken = await startPositions(parts, now, starts);
  return { ...now, selection: { kind: 'manual' }, held: [...keep, ...taken] };
}

/** Every topic of the places, by name, once it is known to have these partitions. */
async function topicsOf(
  { log, call }: ConsumerParts,
  places: readonly PlaceBody[],
): Promise<ReadonlyMap<string, TopicDescription>> {
  const names = [...new Set(places.map(({ topic }) => topic))];
  const topics = await atOnce(names, REQUESTS_AT_ONCE, (name) => log.resolveTopic(name, call));
  const byName = new Map(topics.map((topic) => [topic.name, topic]));
  for (const { topic, partition } of places) {
    if (partition >= (byName.get(topic)?.partitionCount ?? 0)) throw missingPartition(partition);
  }
  return byName;
}
