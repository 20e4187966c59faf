import type { Call } from '../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Observation } from '../storage/observation.ts';
import type { Item, Table } from '../storage/table.ts';

/** Whether this region takes records. */
export interface FreezeState {
  /** Id of the freeze that holds; undefined: the region is open. */
  readonly freeze?: string | undefined;
  /** Since when, storage's clock, ms. */
  readonly sinceMs: number;
  readonly version: string;
}

export const FREEZE_KEY = { pk: 'cluster', sk: 'freeze' } as const;

/*
 * Item layout in the catalog: pk = cluster, sk = freeze, and
 *
 *   f  format number   z  id of the freeze, absent when the region has been thawed   t  since when, ms
 *
 * The item stays when the region is thawed, so that every change is one of a version.
 */
export function freezeToItem({ freeze, sinceMs, version }: FreezeState): Item<string> {
  const attributes = { f: ITEM_FORMAT, t: sinceMs, ...(freeze === undefined ? {} : { z: freeze }) };
  return { ...FREEZE_KEY, version, attributes };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function freezeFromItem(item: Item<string>): FreezeState {
  const read = new ItemReader('freeze', item);
  const freeze = read.has('z') ? read.string('z') : undefined;
  return { freeze, sinceMs: read.number('t'), version: item.version };
}

/** Consistent. Undefined: it has never been frozen. */
export async function readFreeze(
  catalog: Table<string>,
  call: Call,
): Promise<{ readonly state: FreezeState | undefined; readonly observation: Observation }> {
  const { item, observation } = await catalog.get(FREEZE_KEY, { consistent: true }, call);
  return { state: item === undefined ? undefined : freezeFromItem(item), observation };
}
