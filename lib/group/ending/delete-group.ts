import { MillraceError } from '../../errors.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { noGroup } from '../describe.ts';
import type { Group } from '../group-item.ts';
import type { GroupParts } from '../group-parts.ts';
import { groupIsBusy, putGroup, type SeenGroup } from '../group-store.ts';
import { type ExpellingParts, isOccupied, livingGroup } from '../members/empty-group.ts';
import { checkGroupId } from '../names.ts';
import { noteForgotten, type Removal, removeOffsets } from './forgotten.ts';

/** Others that change the group at the same time; each lost try has seen theirs. */
const TRIES_MAX = 16;

/** `Groups.delete`. Cut off before the group is gone nothing has happened; afterwards a job removes what it has left. */
export async function deleteGroup(parts: ExpellingParts, groupId: string, call: Call): Promise<void> {
  checkGroupId(groupId);
  let wasThere = false;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const seen = await livingGroup(parts, groupId, call);
    if (seen.group === undefined) {
      // An attempt whose answer was lost may be what deleted it.
      if (wasThere) return;
      throw noGroup(groupId);
    }
    if (isOccupied(seen)) throw notEmpty(groupId);
    if ((await giveUp(parts, seen, seen.group, call)) !== undefined) return;
    wasThere = true;
  }
  throw groupIsBusy(groupId);
}

/**
 * ⚑ Deletes a group that was seen without members: noted first, then the item in one compare-and-set, so nobody joins or
 * commits in between; then the offsets, under whose key nothing is read any more. Undefined if the group has changed
 * since; else what was removed, which may be a part.
 */
export async function giveUp(
  parts: Pick<GroupParts, 'catalog' | 'clock' | 'random'>,
  seen: SeenGroup,
  group: Group,
  call: Call,
): Promise<Removal | undefined> {
  await noteForgotten(parts, group, call);
  const { stored } = await putGroup(parts, seen, undefined, call);
  if (!stored) return undefined;
  try {
    return await removeOffsets(parts, group.incarnation, call);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    // The group is gone; what it has left is in the ledger.
    return { count: 0, isComplete: false };
  }
}

export function notEmpty(groupId: string): MillraceError {
  return new MillraceError('NON_EMPTY_GROUP', `Group '${groupId}' has members`);
}
