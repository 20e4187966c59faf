import type { MillraceError } from '../../errors.ts';
import type { Call } from '../../storage/call.ts';
import type { Group } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { changeGroup, newGroup, readGroup, type SeenGroup } from '../group-store.ts';
import { storageMs } from '../storage-time.ts';
import { expelDead } from './expel-dead.ts';

/** What it takes to expel members. */
export type ExpellingParts = Pick<GroupParts, 'catalog' | 'clock' | 'random' | 'rules'>;

/** ⚑ A group whose positions are changed from outside says so once a day, so that it is not taken for quiet. */
export const OUTSIDE_SIGN_MS: number = 86_400_000;

/**
 * A group without members whose positions are about to be changed from outside, created if it is not there; members
 * whose sessions are over are expelled first. Throws what `refuse` makes if there are others.
 */
export async function emptyGroup(
  parts: ExpellingParts,
  groupId: string,
  refuse: (groupId: string) => MillraceError,
  call: Call,
): Promise<Group> {
  const seen = await livingGroup(parts, groupId, call);
  if (isOccupied(seen)) throw refuse(groupId);
  if (seen.group !== undefined && !isSignDue(seen)) return seen.group;
  const signed = await changeGroup(
    parts,
    groupId,
    (now) => {
      if (isOccupied(now) || (now.group !== undefined && !isSignDue(now))) return 'unchanged';
      return { ...(now.group ?? newGroup(parts, now)), changedMs: storageMs(now.observation) };
    },
    call,
  );
  if (signed.group === undefined || isOccupied(signed)) throw refuse(groupId);
  return signed.group;
}

/** Consistent, and without those members whose sessions are over. */
export async function livingGroup(parts: ExpellingParts, groupId: string, call: Call): Promise<SeenGroup> {
  const seen = await readGroup(parts, groupId, { consistent: true }, call);
  return isOccupied(seen) ? expelDead(parts, seen, call) : seen;
}

export function isOccupied({ group }: SeenGroup): boolean {
  return group !== undefined && group.roster.length > 0;
}

function isSignDue({ group, observation }: SeenGroup): boolean {
  return group !== undefined && storageMs(observation) - group.changedMs > OUTSIDE_SIGN_MS;
}
