import { checkItem, checkKey } from '../../storage/check-item.ts';
import type { Clock } from '../../storage/clock.ts';
import { StorageFault } from '../../storage/fault.ts';
import { fencesHold, observeNow } from '../../storage/observation.ts';
import { compareSortKeys } from '../../storage/sort-key.ts';
import type { AttributeValue, Condition, Item, QueryRange, SortKey, Table } from '../../storage/table.ts';
import { deleteUsage, isList, PAGE_BYTES_MAX, putUsage, readUsage } from '../../storage/units.ts';

/** DynamoDB's break-even: one write unit per KB against one object PUT and one unit. */
const INLINE_BYTES_BREAK_EVEN = 8_192;

interface Stored<S extends SortKey> {
  readonly item: Item<S>;
  readonly bytes: number;
}

/** A table that lives as long as the process: for unit tests and for trying things out. It bills as DynamoDB does. */
export function memoryTable<S extends SortKey>(options: { readonly clock: Clock }): Table<S> {
  const { clock } = options;
  /** Every partition's items in sort key order. */
  const partitions = new Map<string, Stored<S>[]>();

  const locate = (pk: string, sk: S): { rows: Stored<S>[]; at: number; standing: Stored<S> | undefined } => {
    const rows = partitions.get(pk) ?? [];
    const at = firstNotBelow(rows, sk);
    const row = rows[at];
    return { rows, at, standing: row !== undefined && row.item.sk === sk ? row : undefined };
  };

  return {
    inlineBytesBreakEven: INLINE_BYTES_BREAK_EVEN,

    get: async (key, { consistent }, call) => {
      checkKey(key);
      const observation = observeNow(clock);
      const { standing } = locate(key.pk, key.sk);
      call.meter.add(readUsage(standing?.bytes ?? 0, { consistent }));
      return { item: standing && copyItem(standing.item), observation };
    },

    put: async (item, { condition, fences = [] }, call) => {
      const bytes = checkItem(item);
      if (!fencesHold(fences, clock)) throw new StorageFault('fenced', 'the observation is too old');
      const observation = observeNow(clock);
      const { rows, at, standing } = locate(item.pk, item.sk);
      const stored = holds(condition, standing?.item);
      call.meter.add(putUsage({ stored, itemBytes: bytes, standingBytes: standing?.bytes ?? 0 }));
      if (!stored) return { stored, standing: standing && copyItem(standing.item), observation };
      rows.splice(at, standing === undefined ? 0 : 1, { item: copyItem(item), bytes });
      partitions.set(item.pk, rows);
      return { stored, observation };
    },

    query: async (pk, range, call) => {
      const observation = observeNow(clock);
      const { page, bytes, more } = cutPage(select(partitions.get(pk) ?? [], range), range.limit);
      call.meter.add(readUsage(bytes, range));
      return { items: page.map(copyItem), more, observation };
    },

    delete: async (key, { ifVersion }, call) => {
      checkKey(key);
      const { rows, at, standing } = locate(key.pk, key.sk);
      const deleted = standing?.item.version === ifVersion;
      call.meter.add(deleteUsage({ deleted, standingBytes: standing?.bytes ?? 0 }));
      if (deleted) rows.splice(at, 1);
      return { deleted };
    },
  };
}

function holds<S extends SortKey>(condition: Condition, standing: Item<S> | undefined): boolean {
  return condition.kind === 'ifAbsent' ? standing === undefined : standing?.version === condition.version;
}

/** The rows of the range in the order of the query. */
function select<S extends SortKey>(rows: readonly Stored<S>[], range: QueryRange<S>): readonly Stored<S>[] {
  const { from, to, after, reverse = false } = range;
  const chosen = rows.filter(({ item: { sk } }) => {
    if (from !== undefined && compareSortKeys(sk, from) < 0) return false;
    if (to !== undefined && compareSortKeys(sk, to) > 0) return false;
    if (after === undefined) return true;
    return reverse ? compareSortKeys(sk, after) < 0 : compareSortKeys(sk, after) > 0;
  });
  return reverse ? chosen.reverse() : chosen;
}

function cutPage<S extends SortKey>(
  rows: readonly Stored<S>[],
  limit: number,
): { page: readonly Item<S>[]; bytes: number; more: boolean } {
  let bytes = 0;
  let count = 0;
  for (const row of rows) {
    if (count === limit || bytes + row.bytes > PAGE_BYTES_MAX) break;
    bytes += row.bytes;
    count += 1;
  }
  return { page: rows.slice(0, count).map(({ item }) => item), bytes, more: count < rows.length };
}

function firstNotBelow<S extends SortKey>(rows: readonly Stored<S>[], sk: S): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && compareSortKeys(row.item.sk, sk) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Neither side may see what the other does to its bytes afterwards. */
function copyItem<S extends SortKey>(item: Item<S>): Item<S> {
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(item.attributes)) attributes[name] = copyValue(value);
  return { ...item, attributes };
}

function copyValue(value: AttributeValue): AttributeValue {
  if (value instanceof Uint8Array) return value.slice();
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map(copyValue);
  return Object.fromEntries(Object.entries(value).map(([name, element]) => [name, copyValue(element)]));
}
