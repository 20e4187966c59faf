import { LIMITS } from '../../limits.ts';
import { checkItem, checkKey } from '../../storage/check-item.ts';
import type { Clock } from '../../storage/clock.ts';
import { StorageFault } from '../../storage/fault.ts';
import { fencesHold, observeNow } from '../../storage/observation.ts';
import type { Item, Page, PutResult, QueryRange, SortKey, Table } from '../../storage/table.ts';
import { PAGE_BYTES_MAX } from '../../storage/units.ts';
import { attributesWriter } from './attributes.ts';
import { sqliteFault } from './faults.ts';
import type { GroupWriter } from './group-writer.ts';
import { billedBytes, deleteReceipt, isSpilledOnAws, putReceipt, readReceipt } from './receipt.ts';
import type { Rows } from './rows.ts';

export interface SqliteTableParts<S extends SortKey> {
  readonly rows: Rows<S>;
  readonly writer: GroupWriter;
  readonly clock: Clock;
}

/**
 * One table of the store. Reads see what is committed and nothing else, because they never run while a transaction is
 * open; so every read is consistent, whatever was asked. A fence is judged when its transaction begins.
 */
export function sqliteTable<S extends SortKey>({ rows, writer, clock }: SqliteTableParts<S>): Table<S> {
  const columnsOf = attributesWriter();

  return {
    // A row of any size an item may have costs less than a file of its own, which has to be synced twice.
    inlineBytesBreakEven: LIMITS.inlineBytesMax,

    get: async (key, { consistent }, call) => {
      checkKey(key);
      const observation = observeNow(clock);
      const stored = reading(() => rows.find(key));
      call.meter.add(readReceipt(sum(stored === undefined ? [] : [stored.bytes]), { consistent }));
      return { item: stored?.item, observation };
    },

    put: async (item, { condition, fences = [] }, call) => {
      const bytes = checkItem(item);
      const row = { item, bytes, columns: columnsOf(item.attributes) };
      return await writer.write<PutResult<S>>(bytes, () => {
        if (!fencesHold(fences, clock)) throw new StorageFault('fenced', 'the observation is too old');
        const observation = observeNow(clock);
        const replacedBytes =
          condition.kind === 'ifVersion'
            ? rows.replace(row, condition.version)
            : rows.insert(row)
              ? 0
              : undefined;
        const stored = replacedBytes !== undefined;
        if (stored) {
          call.meter.add(putReceipt({ stored, itemBytes: bytes, standingBytes: replacedBytes }));
          return { stored, observation };
        }
        const standing = rows.find(item);
        call.meter.add(putReceipt({ stored, itemBytes: bytes, standingBytes: standing?.bytes ?? 0 }));
        return { stored, standing: standing?.item, observation };
      });
    },

    query: async (pk, range, call) => {
      const observation = observeNow(clock);
      const { items, more, sizes } = reading(() => cutPage(rows, pk, range));
      call.meter.add(readReceipt(sum(sizes), range));
      return { items, more, observation } satisfies Page<S>;
    },

    delete: async (key, { ifVersion }, call) => {
      checkKey(key);
      return await writer.write(0, () => {
        const removedBytes = rows.remove(key, ifVersion);
        const deleted = removedBytes !== undefined;
        const standingBytes = removedBytes ?? rows.find(key)?.bytes ?? 0;
        call.meter.add(deleteReceipt({ deleted, standingBytes }));
        return { deleted };
      });
    },
  };
}

function cutPage<S extends SortKey>(
  rows: Rows<S>,
  pk: string,
  range: QueryRange<S>,
): { items: Item<S>[]; more: boolean; sizes: number[] } {
  const items: Item<S>[] = [];
  const sizes: number[] = [];
  let bytes = 0;
  for (const stored of rows.scan(pk, range)) {
    bytes += stored.bytes;
    if (bytes > PAGE_BYTES_MAX) return { items, more: true, sizes };
    items.push(stored.item);
    sizes.push(stored.bytes);
  }
  return { items, more: items.length === range.limit, sizes };
}

function sum(sizes: readonly number[]): { bytes: number; billedBytes: number; spilledCount: number } {
  let bytes = 0;
  let billed = 0;
  let spilledCount = 0;
  for (const size of sizes) {
    bytes += size;
    billed += billedBytes(size);
    if (isSpilledOnAws(size)) spilledCount += 1;
  }
  return { bytes, billedBytes: billed, spilledCount };
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw sqliteFault(error, { doing: 'read' });
  }
}
