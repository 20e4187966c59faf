import type { Group, RosterEntry, Subscription } from '../group-item.ts';
import { sameSubscription } from './subscription.ts';

/** Changes of who belongs to a group; the target is for `withTarget` (lib/group/target.ts) to set afterwards. All pure. */

export interface Admission {
  readonly number: number;
  readonly subscription: Subscription;
  /** Where in the roster. @default behind everybody */
  readonly place?: number;
}

export function withMember(group: Group, { number, subscription, place }: Admission): Group {
  const { subscriptions, index } = withSubscription(group.subscriptions, subscription);
  const roster = group.roster.toSpliced(place ?? group.roster.length, 0, { number, subscription: index });
  return { ...group, subscriptions, roster };
}

/** What they own and were to own is free. */
export function withoutMembers(group: Group, numbers: ReadonlySet<number>): Group {
  if (numbers.size === 0) return group;
  const freed = (number: number): number => (numbers.has(number) ? 0 : number);
  const topics = group.topics.map((topic) => ({
    ...topic,
    owner: topic.owner.map(freed),
    target: topic.target.map(freed),
  }));
  const roster = group.roster.filter(({ number }) => !numbers.has(number));
  return withoutUnused({ ...group, roster, topics });
}

/** Another member takes over a place with everything that belongs to it. */
export function withReplaced(group: Group, change: { readonly from: number; readonly to: number }): Group {
  const replaced = (number: number): number => (number === change.from ? change.to : number);
  return {
    ...group,
    roster: group.roster.map((entry) => ({ ...entry, number: replaced(entry.number) })),
    topics: group.topics.map((topic) => ({
      ...topic,
      owner: topic.owner.map(replaced),
      target: topic.target.map(replaced),
    })),
  };
}

export function withSubscriptionOf(group: Group, number: number, subscription: Subscription): Group {
  const { subscriptions, index } = withSubscription(group.subscriptions, subscription);
  const roster = group.roster.map((entry) =>
    entry.number === number ? { ...entry, subscription: index } : entry,
  );
  return withoutUnused({ ...group, subscriptions, roster });
}

export function subscriptionOf(group: Group, number: number): Subscription | undefined {
  const entry = group.roster.find((other) => other.number === number);
  return entry === undefined ? undefined : group.subscriptions[entry.subscription];
}

/** The next epoch. */
export function raised(group: Group, nowMs: number): Group {
  return { ...group, groupEpoch: group.groupEpoch + 1, changedMs: nowMs };
}

function withSubscription(
  subscriptions: readonly Subscription[],
  wanted: Subscription,
): { readonly subscriptions: readonly Subscription[]; readonly index: number } {
  const index = subscriptions.findIndex((known) => sameSubscription(known, wanted));
  if (index >= 0) return { subscriptions, index };
  return { subscriptions: [...subscriptions, wanted], index: subscriptions.length };
}

function withoutUnused(group: Group): Group {
  const used = [...new Set(group.roster.map(({ subscription }) => subscription))].sort((a, b) => a - b);
  if (used.length === group.subscriptions.length) return group;
  const places = new Map(used.map((index, place) => [index, place]));
  const subscriptions = used.flatMap((index) => group.subscriptions[index] ?? []);
  const roster = group.roster.map(
    ({ number, subscription }): RosterEntry => ({ number, subscription: places.get(subscription) ?? 0 }),
  );
  return { ...group, subscriptions, roster };
}
