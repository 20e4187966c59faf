import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { ItemReader } from '../storage/format.ts';
import type { Item } from '../storage/table.ts';
import type { GroupParts } from './group-parts.ts';
import { readGroup } from './group-store.ts';
import { storageMs } from './storage-time.ts';

/**
 * Takes a group off the list if it is not there and nobody can be about to create it (lib/group/registry.ts). `entry` is
 * the list's item as it was read. Answers whether it is off now.
 */
export async function unregister(
  deps: Pick<GroupParts, 'catalog'>,
  entry: Item<string>,
  call: Call,
): Promise<boolean> {
  const { group, observation } = await readGroup(deps, entry.sk, { consistent: true }, call);
  if (group !== undefined) return false;
  const writtenMs = new ItemReader('group entry', entry).number('t');
  if (storageMs(observation) - writtenMs < LIMITS.groupRegistrationMsMin) return false;
  const { deleted } = await deps.catalog.delete(entry, { ifVersion: entry.version }, call);
  return deleted;
}
