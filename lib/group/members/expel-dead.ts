import type { Call } from '../../storage/call.ts';
import { topicsAsKnown, withTarget } from '../assign/target.ts';
import type { GroupParts } from '../group-parts.ts';
import { groupIsBusy, putGroup, type SeenGroup } from '../group-store.ts';
import { leftBehind, lostMembers, sessionMs } from './lost-members.ts';
import { type Member, memberItemKey } from './member-item.ts';
import { readMembers } from './member-store.ts';
import { raised, withoutMembers } from './roster.ts';
import { coverage } from './subscription.ts';

/** Others that may change the group at the same time. */
const TRIES_MAX = 16;

/**
 * Expels the members of a group that are lost, for whoever needs to know whether it has any; and removes what members have
 * left behind. Answers the group as it stands then, seen consistently.
 */
export async function expelDead(
  parts: Omit<GroupParts, 'log'>,
  seen: SeenGroup,
  call: Call,
): Promise<SeenGroup> {
  let latest = seen;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { group, groupId } = latest;
    const { members, observation } = await readMembers(parts, groupId, call);
    const nowMs = sessionMs(parts, observation);
    const looked = { members, isComplete: true };
    const lost = group === undefined ? new Set<number>() : lostMembers(group, looked, { nowMs });
    if (group !== undefined && lost.size > 0) {
      const covers = await coverage(group.subscriptions);
      const remaining = withTarget(withoutMembers(group, lost), { there: topicsAsKnown(group), covers });
      const result = await putGroup(parts, latest, raised(remaining, nowMs), call);
      latest = result.seen;
      if (!result.stored) continue;
    }
    await removeLeftBehind(parts, groupId, leftBehind(latest.group, members, nowMs), call);
    return latest;
  }
  throw groupIsBusy(seen.groupId);
}

/** Whoever has come back in the meantime has another version, and stays. */
export async function removeLeftBehind(
  { catalog }: Pick<GroupParts, 'catalog'>,
  groupId: string,
  members: readonly Member[],
  call: Call,
): Promise<void> {
  for (const { memberId, version } of members) {
    await catalog.delete(memberItemKey(groupId, memberId), { ifVersion: version }, call);
  }
}
