import { invariant } from '../../errors.ts';
import type { TopicToAssign } from './assignment.ts';

/** Steps after which the remaining unevenness is left as it is: only contrived subscriptions get there. */
const LEVELLING_STEPS_MAX = 20_000_000;

interface Partition {
  readonly topic: number;
  readonly partition: number;
}

interface Free {
  readonly topic: number;
  readonly partitions: readonly number[];
}

/** One member while partitions are being dealt out. */
interface Share {
  readonly member: number;
  load: number;
  /** Its partitions by topic. */
  readonly held: Map<number, number[]>;
}

/**
 * Kafka's uniform assignor. Sticky: a partition stays with whom it was meant for, or else with its owner, as long as that
 * is a subscriber. Even: in the end no single partition could go to another subscriber and make the two more equal; where
 * all members subscribe to the same topics their numbers differ by one at most, and no more partitions move than that
 * takes.
 */
export function assignUniform(topics: readonly TopicToAssign[]): readonly (readonly number[])[] {
  const shares = new Map<number, Share>();
  for (const { subscribers } of topics) {
    for (const member of subscribers) {
      if (!shares.has(member)) shares.set(member, { member, load: 0, held: new Map() });
    }
  }
  const subscribersOf = topics.map(({ subscribers }) => subscribers.map((member) => shareOf(shares, member)));
  const free = keep(topics, shares, subscribersOf).filter(({ partitions }) => partitions.length > 0);
  // Where the choice is smallest, first.
  free.sort((a, b) => (subscribersOf[a.topic]?.length ?? 0) - (subscribersOf[b.topic]?.length ?? 0));
  for (const { topic, partitions } of free) dealOut({ topic, partitions }, subscribersOf[topic] ?? []);
  level(topics, shares, subscribersOf);
  return result(topics, shares);
}

/** Leaves everything where it may stay, and answers the partitions that have nobody, by topic. */
function keep(
  topics: readonly TopicToAssign[],
  shares: ReadonlyMap<number, Share>,
  subscribersOf: readonly (readonly Share[])[],
): Free[] {
  return topics.map(({ owner, target }, topic) => {
    const eligible = new Set(subscribersOf[topic]);
    const partitions: number[] = [];
    target.forEach((meant, partition) => {
      const candidates = [shares.get(meant), shares.get(owner[partition] ?? 0)];
      const kept = candidates.find((share) => share !== undefined && eligible.has(share));
      if (kept === undefined) partitions.push(partition);
      else give({ topic, partition }, kept);
    });
    return { topic, partitions };
  });
}

/** Each goes to one of those who have the fewest. */
function dealOut({ topic, partitions }: Free, subscribers: readonly Share[]): void {
  const sorted = subscribers.toSorted((a, b) => a.load - b.load);
  let dealt = 0;
  for (let load = sorted[0]?.load ?? 0; dealt < partitions.length; load += 1) {
    for (const share of sorted) {
      const partition = partitions[dealt];
      if (share.load > load || partition === undefined) break;
      give({ topic, partition }, share);
      dealt += 1;
    }
  }
}

/**
 * Moves partitions from members with many to members with few until no move helps: the receiver is always one of those
 * with the fewest, the giver the one with the most that has something for it, so that none goes through many hands.
 */
function level(
  topics: readonly TopicToAssign[],
  shares: ReadonlyMap<number, Share>,
  subscribersOf: readonly (readonly Share[])[],
): void {
  const everybody = [...shares.values()];
  const topicsOf = new Map<Share, Set<number>>(everybody.map((share) => [share, new Set()]));
  subscribersOf.forEach((subscribers, topic) => {
    for (const share of subscribers) topicsOf.get(share)?.add(topic);
  });
  /** Members for whom nobody has anything; that may change with every move. */
  const settled = new Set<Share>();
  for (let steps = 0; steps < LEVELLING_STEPS_MAX; steps += everybody.length) {
    const receiver = leastLoaded(everybody.filter((share) => !settled.has(share)));
    if (receiver === undefined) return;
    const wanted = topicsOf.get(receiver) ?? new Set();
    const giver = mostLoadedGiver(everybody, receiver, wanted);
    if (giver === undefined) {
      settleAlike(receiver, wanted, topicsOf, settled);
      continue;
    }
    move(topics, { giver, receiver, wanted });
    settled.clear();
  }
}

/** Who subscribes to the same topics and has at least as much gets nothing either. */
function settleAlike(
  receiver: Share,
  wanted: ReadonlySet<number>,
  topicsOf: ReadonlyMap<Share, ReadonlySet<number>>,
  settled: Set<Share>,
): void {
  settled.add(receiver);
  for (const [share, theirs] of topicsOf) {
    if (settled.has(share) || theirs.size !== wanted.size) continue;
    if ([...theirs].every((topic) => wanted.has(topic))) settled.add(share);
  }
}

function mostLoadedGiver(
  everybody: readonly Share[],
  receiver: Share,
  wanted: ReadonlySet<number>,
): Share | undefined {
  let found: Share | undefined;
  for (const share of everybody) {
    if (share.load < Math.max(receiver.load + 2, (found?.load ?? 0) + 1)) continue;
    if (hasOneOf(share, wanted)) found = share;
  }
  return found;
}

function hasOneOf({ held }: Share, wanted: ReadonlySet<number>): boolean {
  for (const [topic, partitions] of held) {
    if (partitions.length > 0 && wanted.has(topic)) return true;
  }
  return false;
}

function move(
  topics: readonly TopicToAssign[],
  { giver, receiver, wanted }: { giver: Share; receiver: Share; wanted: ReadonlySet<number> },
): void {
  let best: { place: Partition; effort: number } | undefined;
  for (const [topic, partitions] of giver.held) {
    if (!wanted.has(topic)) continue;
    for (const partition of partitions) {
      const effort = effortOf(topics[topic]?.owner[partition], giver, receiver);
      // The later ones go, so that what stays stays together.
      if (best === undefined || effort <= best.effort) best = { place: { topic, partition }, effort };
    }
  }
  invariant(best !== undefined, 'the giver has something for the receiver');
  const { topic, partition } = best.place;
  const kept = (giver.held.get(topic) ?? []).filter((other) => other !== partition);
  giver.held.set(topic, kept);
  giver.load -= 1;
  give(best.place, receiver);
}

/** Best is what the receiver still owns, then what the giver does not own yet: neither has to change hands again. */
function effortOf(owner: number | undefined, giver: Share, receiver: Share): number {
  if (owner === receiver.member) return 0;
  return owner === giver.member ? 2 : 1;
}

function give({ topic, partition }: Partition, share: Share): void {
  share.load += 1;
  const partitions = share.held.get(topic);
  if (partitions === undefined) share.held.set(topic, [partition]);
  else partitions.push(partition);
}

function result(
  topics: readonly TopicToAssign[],
  shares: ReadonlyMap<number, Share>,
): readonly (readonly number[])[] {
  const targets = topics.map(({ owner }) => new Array<number>(owner.length).fill(0));
  for (const { member, held } of shares.values()) {
    for (const [topic, partitions] of held) {
      const target = targets[topic] ?? [];
      for (const partition of partitions) target[partition] = member;
    }
  }
  return targets;
}

function leastLoaded(shares: readonly Share[]): Share | undefined {
  let found: Share | undefined;
  for (const share of shares) {
    if (found === undefined || share.load < found.load) found = share;
  }
  return found;
}

function shareOf(shares: ReadonlyMap<number, Share>, member: number): Share {
  const share = shares.get(member);
  invariant(share !== undefined, `member ${member} has a share`);
  return share;
}
