import type { Call } from '../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Random } from '../storage/random.ts';
import type { Item, Table } from '../storage/table.ts';

const KEY = { pk: 'cluster', sk: 'id' } as const;

/** The id that all processes on this storage share; the first one to look makes it. */
export async function clusterIdOf(
  parts: { readonly catalog: Table<string>; readonly random: Random },
  call: Call,
): Promise<string> {
  const stored = await storedClusterId(parts.catalog, call);
  if (stored !== undefined) return stored;
  const made: Item<string> = {
    ...KEY,
    version: parts.random.id(),
    attributes: { f: ITEM_FORMAT, c: parts.random.uuid() },
  };
  const result = await parts.catalog.put(made, { condition: { kind: 'ifAbsent' } }, call);
  return idFrom(result.stored ? made : (result.standing ?? made));
}

/** Undefined on storage that nobody has looked at yet: there is no topic then either. Writes nothing. */
export async function storedClusterId(catalog: Table<string>, call: Call): Promise<string | undefined> {
  const { item } = await catalog.get(KEY, { consistent: true }, call);
  return item === undefined ? undefined : idFrom(item);
}

function idFrom(item: Item<string>): string {
  return new ItemReader('cluster', item).string('c');
}
