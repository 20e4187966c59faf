import { MillraceError } from '../../errors.ts';
import type { GroupSubscription } from '../../groups.ts';
import { LIMITS } from '../../limits.ts';
import { checkTopicName } from '../../topic/topic-name.ts';
import { type AssignorName, isAssignor, type Subscription } from '../group-item.ts';

/** Whether a subscription takes in a topic of this name. */
export type Covers = (subscription: Subscription, topic: string) => boolean;

/** Names that Kafka keeps to itself begin so; no regular expression takes them in. */
const INTERNAL_PREFIX = '__';

/** What a member asks for, checked: INVALID_REQUEST (nothing at all, too much), INVALID_TOPIC_EXCEPTION. */
export function checkedSubscription({ topics = [], topicRegex = '' }: GroupSubscription): Subscription {
  if (topics.length === 0 && topicRegex === '') {
    throw new MillraceError('INVALID_REQUEST', 'A subscription has topics, a regular expression, or both');
  }
  if (topics.length > LIMITS.topicsPerSubscriptionMax) {
    const message = `A subscription has at most ${LIMITS.topicsPerSubscriptionMax} topics`;
    throw new MillraceError('INVALID_REQUEST', message);
  }
  if (topicRegex.length > LIMITS.subscriptionRegexCharsMax || !topicRegex.isWellFormed()) {
    const message = `A regular expression has at most ${LIMITS.subscriptionRegexCharsMax} characters of well-formed text`;
    throw new MillraceError('INVALID_REGULAR_EXPRESSION', message);
  }
  for (const topic of topics) checkTopicName(topic);
  return { topics: [...new Set(topics)].sort(), topicRegex, assignor: '' };
}

/** UNSUPPORTED_ASSIGNOR. */
export function checkedAssignor(name: string): AssignorName {
  if (isAssignor(name)) return name;
  throw new MillraceError(
    'UNSUPPORTED_ASSIGNOR',
    'There is no assignor of this name; there are uniform and range',
  );
}

export function sameSubscription(a: Subscription, b: Subscription): boolean {
  return (
    a.topicRegex === b.topicRegex &&
    a.assignor === b.assignor &&
    a.topics.length === b.topics.length &&
    a.topics.every((topic, index) => topic === b.topics[index])
  );
}

/** Expressions that a process has compiled. */
export type Matchers = Map<string, (topic: string) => boolean>;

const MATCHERS_MAX = 1_000;

/**
 * How to tell which topics these subscriptions take in. Expressions are RE2's, matched in time linear in the name; what
 * understands them is loaded only where there are any. INVALID_REGULAR_EXPRESSION.
 */
export async function coverage(
  subscriptions: readonly Subscription[],
  matchers: Matchers = new Map(),
): Promise<Covers> {
  if (matchers.size > MATCHERS_MAX) matchers.clear();
  for (const { topicRegex } of subscriptions) {
    if (topicRegex !== '' && !matchers.has(topicRegex)) matchers.set(topicRegex, await compiled(topicRegex));
  }
  const names = new Map<Subscription, ReadonlySet<string>>();
  const named: Covers = (subscription, topic) => {
    const known = names.get(subscription) ?? new Set(subscription.topics);
    names.set(subscription, known);
    return known.has(topic);
  };
  const matched: Covers = ({ topicRegex }, topic) =>
    topicRegex !== '' && !topic.startsWith(INTERNAL_PREFIX) && matchers.get(topicRegex)?.(topic) === true;
  return (subscription, topic) => named(subscription, topic) || matched(subscription, topic);
}

async function compiled(text: string): Promise<(topic: string) => boolean> {
  const { RE2JS, RE2JSException } = await import('re2js');
  try {
    const expression = RE2JS.compile(text);
    return (topic) => expression.matches(topic);
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    const message = `The subscription's regular expression is invalid: ${cause.message}`;
    throw new MillraceError('INVALID_REGULAR_EXPRESSION', message, { cause });
  }
}
