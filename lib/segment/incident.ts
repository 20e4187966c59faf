import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Condition, Item, Table } from '../storage/table.ts';

/** ⚑ A partition whose hot chain is broken: named and kept until the chain is whole again, never skipped. */
export interface Incident {
  readonly kind: 'gap';
  /** The first offset that is missing. */
  readonly offset: number;
  /** Where the chain goes on. */
  readonly nextOffset: number;
  readonly foundMs: number;
}

type Dependencies = Pick<EngineParts, 'catalog' | 'random'>;

/** Sorts before the segments, so that a look at the partition's bounds does not pass it. */
export const INCIDENT_KEY = 'incident';

/*
 * Item layout in the catalog: pk = topicId:partition, sk = incident, and
 *
 *   f  format number   k  kind   o  first missing offset   n  where the chain goes on   t  found, ms since 1970
 */
function incidentToItem(pk: string, incident: Incident, version: string): Item<string> {
  const { kind, offset, nextOffset, foundMs } = incident;
  return {
    pk,
    sk: INCIDENT_KEY,
    version,
    attributes: { f: ITEM_FORMAT, k: kind, o: offset, n: nextOffset, t: foundMs },
  };
}

function incidentFromItem(item: Item<string>): Incident {
  const read = new ItemReader('incident', item);
  return {
    kind: 'gap',
    offset: read.number('o'),
    nextOffset: read.number('n'),
    foundMs: read.number('t'),
  };
}

/** Consistent; undefined if all is well. */
export async function readIncident(
  catalog: Table<string>,
  pk: string,
  call: Call,
): Promise<Incident | undefined> {
  const { item } = await catalog.get({ pk, sk: INCIDENT_KEY }, { consistent: true }, call);
  return item === undefined ? undefined : incidentFromItem(item);
}

/**
 * Notes what a whole walk along the chain has found. The same gap keeps the time at which it was found first; a chain
 * that is whole again ends the incident. Losing to somebody else is fine: he has looked as well.
 */
export async function noteIncident(
  deps: Dependencies,
  pk: string,
  found: Incident | undefined,
  call: Call,
): Promise<Incident | undefined> {
  const key = { pk, sk: INCIDENT_KEY };
  const { item, observation } = await deps.catalog.get(key, { consistent: true }, call);
  const noted = item === undefined ? undefined : incidentFromItem(item);
  if (found === undefined) {
    if (item !== undefined) await deps.catalog.delete(key, { ifVersion: item.version }, call);
    return undefined;
  }
  if (noted?.offset === found.offset && noted.nextOffset === found.nextOffset) return noted;
  const condition: Condition =
    item === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: item.version };
  // A late one must not come back to a partition whose remains have been removed.
  const fences = [{ observation, ageMsMax: LIMITS.fenceAgeMsMax }];
  await deps.catalog.put(incidentToItem(pk, found, deps.random.id()), { condition, fences }, call);
  return found;
}
