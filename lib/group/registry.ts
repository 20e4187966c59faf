import type { Call } from '../storage/call.ts';
import { ITEM_FORMAT } from '../storage/format.ts';
import type { Observation } from '../storage/observation.ts';
import type { Condition, Item } from '../storage/table.ts';
import type { GroupParts } from './group-parts.ts';
import { storageMs } from './storage-time.ts';

/** The list of all groups: pk, with the group id as sort key. */
export const GROUPS_KEY = 'groups';

type Dependencies = Pick<GroupParts, 'catalog' | 'clock' | 'random'>;

/**
 * Puts a group on the list before it is created; what is answered is the fence of its creation.
 *
 * ⚑ An entry is taken off only when it has been there for an hour and the group is not, and every creation renews it
 * first: so a group that is stored within a minute of that is always listed.
 *
 * Layout: pk = groups, sk = group id, f format number, t ms when it was written.
 */
export async function register(deps: Dependencies, groupId: string, call: Call): Promise<Observation> {
  const { catalog, random, clock } = deps;
  const item = (writtenMs: number): Item<string> => ({
    pk: GROUPS_KEY,
    sk: groupId,
    version: random.id(),
    attributes: { f: ITEM_FORMAT, t: writtenMs },
  });
  const first = await catalog.put(item(clock.wallMs()), { condition: { kind: 'ifAbsent' } }, call);
  if (first.stored) return first.observation;
  const condition: Condition =
    first.standing === undefined
      ? { kind: 'ifAbsent' }
      : { kind: 'ifVersion', version: first.standing.version };
  const renewed = await catalog.put(item(storageMs(first.observation)), { condition }, call);
  // Losing means that somebody else has renewed it just now, after we looked; or taken it off: then it is begun anew.
  if (renewed.stored || renewed.standing !== undefined) return first.observation;
  return register(deps, groupId, call);
}
