import type { Observation } from '../storage/observation.ts';
import type { Group } from './group-item.ts';
import type { GroupParts } from './group-parts.ts';
import type { Member } from './member-item.ts';
import { isRevokingAny } from './reconcile.ts';
import { storageMs } from './storage-time.ts';

/**
 * ⚑ The time by which sessions are counted: storage's own, both for the member that is seen and for whoever judges it, so
 * that a clock that is wrong neither ends a session nor keeps it alive.
 */
export function sessionMs(deps: Pick<GroupParts, 'clock' | 'rules'>, observation: Observation): number {
  return deps.rules.sessionByStorageClock ? storageMs(observation) : deps.clock.wallMs();
}

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
  const numbers = new Set(group.roster.map(({ number }) => number));
  const lost = new Set<number>();
  const withItem = new Set<number>();
  for (const member of members) {
    withItem.add(member.number);
    if (!numbers.has(member.number)) continue;
    if (isOver(member, nowMs) || isOverdue(group, member, nowMs)) lost.add(member.number);
  }
  if (isComplete) for (const number of numbers) if (!withItem.has(number)) lost.add(number);
  if (self !== undefined) lost.delete(self);
  return lost;
}

/** Items that have been nobody's for a session: what leavers and failed joins left behind. */
export function leftBehind(
  group: Group | undefined,
  members: readonly Member[],
  nowMs: number,
): readonly Member[] {
  const numbers = new Set(group?.roster.map(({ number }) => number));
  return members.filter((member) => !numbers.has(member.number) && isOver(member, nowMs));
}

function isOver({ seenMs, sessionTimeoutMs }: Member, nowMs: number): boolean {
  return nowMs - seenMs > sessionTimeoutMs;
}

function isOverdue(group: Group, member: Member, nowMs: number): boolean {
  const { number, revokingSinceMs, rebalanceTimeoutMs } = member;
  if (revokingSinceMs === 0 || nowMs - revokingSinceMs <= rebalanceTimeoutMs) return false;
  return isRevokingAny(group, number);
}
