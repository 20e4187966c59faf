import type { GroupHeartbeat } from '../../groups.ts';
import type { Call } from '../../storage/call.ts';
import type { Group, Subscription } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { groupIsBusy, type SeenGroup } from '../group-store.ts';
import type { Turns } from '../turns.ts';
import { removeLeftBehind } from './expel-dead.ts';
import { type GroupLook, memberOf } from './group-look.ts';
import { leftBehind, sessionMs } from './lost-members.ts';
import type { Member } from './member-item.ts';
import { type Covers, coverage, type Matchers } from './subscription.ts';
import type { TopicLooks } from './topic-looks.ts';

/** What heartbeats are made of. What a process remembers are hints: any other process may answer the next one. */
export interface BeatParts extends GroupParts {
  readonly looks: TopicLooks;
  readonly matchers: Matchers;
  /** Changes of one group are made one at a time by each process: they would only get into each other's way. */
  readonly turns: Turns;
  /** Items of members of large groups, by `ownKey`. */
  readonly owns: Map<string, Member>;
  /** How many members a group had when it was last seen, where these were many. */
  readonly sizes: Map<string, number>;
}

/** Tries that a heartbeat makes while others change the group; the deadline ends it sooner. */
const TRIES_MAX = 100;
/** Losses in a row after which it pauses before the next try. */
const LOSSES_AT_ONCE = 2;
const PAUSE_MS_FIRST = 10;
const PAUSE_MS_MAX = 500;
const LEFT_BEHIND_AT_ONCE = 8;

/**
 * Tries until something comes of it: `undefined` means that somebody else was first. At once at first, on top of what the
 * loss has shown; where many are at it, after pauses, and then `rested` says that what was seen before them is too old.
 */
export async function untilDone<T>(
  parts: GroupParts,
  groupId: string,
  attempt: (options: { readonly rested: boolean }) => Promise<T | undefined>,
  call: Call,
): Promise<T> {
  const { clock, random } = parts;
  for (let losses = 0; losses < TRIES_MAX && clock.monotonicMs() < call.deadlineMs; losses += 1) {
    const rested = losses > LOSSES_AT_ONCE && losses % 2 === 1;
    if (rested) {
      const ceilingMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** (losses - LOSSES_AT_ONCE));
      await clock.sleep(random.next() * ceilingMs, call.signal);
    }
    const done = await attempt({ rested });
    if (done !== undefined) return done;
  }
  throw groupIsBusy(groupId);
}

export function nowOf(parts: GroupParts, look: GroupLook): number {
  return sessionMs(parts, look.seen.observation);
}

export function coversOf(
  parts: BeatParts,
  group: Group | undefined,
  more: readonly Subscription[] = [],
): Promise<Covers> {
  return coverage([...(group?.subscriptions ?? []), ...more], parts.matchers);
}

/**
 * The look to go on with after somebody else was first with a change of the group. Of the members only the one that is
 * being heard of is kept: what is known of the others is older than the group now.
 */
export function lookAfterLoss(look: GroupLook, seen: SeenGroup, { memberId }: GroupHeartbeat): GroupLook {
  const own = memberOf(look, memberId);
  return { seen, members: own === undefined ? [] : [own], isComplete: false, isConsistent: true };
}

/** Some of what members have left behind; the rest is for the next heartbeats. */
export async function tidy(
  parts: GroupParts,
  look: GroupLook,
  group: Group | undefined,
  call: Call,
): Promise<void> {
  const nowMs = nowOf(parts, look);
  const remains = leftBehind(group, look.members, nowMs).slice(0, LEFT_BEHIND_AT_ONCE);
  await removeLeftBehind(parts, look.seen.groupId, remains, call);
}
