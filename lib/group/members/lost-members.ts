import type { Observation } from '../../storage/observation.ts';
import type { Group } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { storageMs } from '../storage-time.ts';
import type { Member } from './member-item.ts';
import { isRevokingAny } from './reconcile.ts';

/**
 * ⚑ The time by which sessions are counted: storage's own, both for the member that is seen and for whoever judges it, so
 * that a clock that is wrong neither ends a session nor keeps it alive.
 */
export function sessionMs(deps: Pick<GroupParts, 'clock' | 'rules'>, observation: Observation): number {
  return deps.rules.sessionByStorageClock ? storageMs(observation) : deps.clock.wallMs();
}

const NOBODY: ReadonlySet<number> = new Set();

export interface MembersSeen {
  readonly members: readonly Member[];
  /** Every item was looked at, after the group: a number without an item will never have one. */
  readonly isComplete: boolean;
}

/**
 * Members that do not belong to the group any more: not seen for a session, or still holding what they were told to give
 * up a rebalance timeout ago. `self` is spared: it is just being heard of.
 */
export function lostMembers(
  group: Group,
  { members, isComplete }: MembersSeen,
  { nowMs, self }: { readonly nowMs: number; readonly self?: number },
): ReadonlySet<number> {
  const suspects = members.filter(
    (member) => isOver(member, nowMs) || (isSlow(member, nowMs) && isRevokingAny(group, member.number)),
  );
  if (suspects.length === 0 && !isComplete) return NOBODY;
  const withItem = new Set(members.map(({ number }) => number));
  const silent = new Set(suspects.map(({ number }) => number));
  const isLost = (number: number): boolean => silent.has(number) || (isComplete && !withItem.has(number));
  const lost = group.roster.map(({ number }) => number).filter((number) => number !== self && isLost(number));
  return new Set(lost);
}

/** Items that have been nobody's for a session: what leavers and failed joins left behind. */
export function leftBehind(
  group: Group | undefined,
  members: readonly Member[],
  nowMs: number,
): readonly Member[] {
  const old = members.filter((member) => isOver(member, nowMs));
  if (old.length === 0 || group === undefined) return old;
  const numbers = new Set(group.roster.map(({ number }) => number));
  return old.filter(({ number }) => !numbers.has(number));
}

function isOver({ seenMs, sessionTimeoutMs }: Member, nowMs: number): boolean {
  return nowMs - seenMs > sessionTimeoutMs;
}

function isSlow({ revokingSinceMs, rebalanceTimeoutMs }: Member, nowMs: number): boolean {
  return revokingSinceMs !== 0 && nowMs - revokingSinceMs > rebalanceTimeoutMs;
}
