import type { Condition, Item, Key, QueryRange, SortKey } from '../../lib/storage/table.ts';
import { copyItem } from './copy.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/** One change of one item, in the order in which storage made them. Nothing is ever dropped from this history. */
export interface Change<S extends SortKey> {
  readonly atMs: number;
  readonly cause: 'put' | 'delete' | 'expiry' | 'loss';
  readonly key: Key<S>;
  /** What stands there afterwards. */
  readonly item: Item<S> | undefined;
  readonly before: Item<S> | undefined;
  /** The process that asked for it; `storage` for an expiry, `disaster` for a loss. */
  readonly by: string;
}

export interface TableServer<S extends SortKey> {
  readonly changes: readonly Change<S>[];
  put(item: Item<S>, condition: Condition, by: string): { stored: boolean; standing: Item<S> | undefined };
  delete(key: Key<S>, version: string, by: string): boolean;
  /** What stands there is gone, and nobody asked for it. */
  lose(key: Key<S>): void;
  get(key: Key<S>, options: { readonly consistent: boolean }): Item<S> | undefined;
  query(pk: string, range: QueryRange<S>): { readonly items: readonly Item<S>[]; readonly more: boolean };
  /** What stands there now, not copied: for checkers. */
  peek(pk: string): readonly Item<S>[];
  /** Every partition key there ever was. */
  collections(): readonly string[];
}

export interface TableConduct {
  /** An eventually consistent read sees each item as it was up to this long ago. */
  staleMsMax: number;
  /** Items outlive their expiry by up to this long. */
  readonly expiryLateMsMax: number;
  /** The chance that a page ends before its limit. An item is at most 400 KB and a page 1 MB, so it holds two at least. */
  pageCut: number;
}

/** Item versions at one key, oldest first. */
interface Cell<S extends SortKey> {
  readonly sk: S;
  readonly versions: { readonly atMs: number; readonly item: Item<S> | undefined }[];
}

/** The truth of one table, on storage's own clock, which is true time. */
export function createTableServer<S extends SortKey>(
  name: string,
  tools: { readonly scheduler: Scheduler; readonly random: SeededRandom; readonly trace: Trace },
  conduct: TableConduct,
): TableServer<S> {
  const { scheduler, random, trace } = tools;
  const collections = new Map<string, Cell<S>[]>();
  const changes: Change<S>[] = [];

  const cellAt = (key: Key<S>): Cell<S> => {
    const cells = collections.get(key.pk) ?? [];
    if (cells.length === 0) collections.set(key.pk, cells);
    const index = firstAtOrAfter(cells, key.sk);
    const found = cells[index];
    if (found?.sk === key.sk) return found;
    const created: Cell<S> = { sk: key.sk, versions: [] };
    cells.splice(index, 0, created);
    return created;
  };

  const change = (key: Key<S>, cause: Change<S>['cause'], item: Item<S> | undefined, by: string): void => {
    const cell = cellAt(key);
    const atMs = scheduler.nowMs;
    changes.push({ atMs, cause, key: { pk: key.pk, sk: key.sk }, item, before: newest(cell), by });
    cell.versions.push({ atMs, item });
    scheduler.mix(`${key.sk}`);
    scheduler.mix(item?.version ?? cause);
    trace.add({
      kind: `${name}.${cause}`,
      process: by,
      detail: () => `${key.pk} ${key.sk}${item === undefined ? '' : ` version ${item.version}`}`,
    });
  };

  const planExpiry = (item: Item<S>): void => {
    if (item.expiresAtSeconds === undefined) return;
    const dueMs = item.expiresAtSeconds * 1000 - scheduler.nowMs;
    const lateMs = random.next() ** 2 * conduct.expiryLateMsMax;
    scheduler.schedule(Math.max(0, dueMs) + lateMs, () => {
      if (newest(cellAt(item))?.version === item.version) change(item, 'expiry', undefined, 'storage');
    });
  };

  const seenNow = (cell: Cell<S>, consistent: boolean): Item<S> | undefined => {
    if (consistent || conduct.staleMsMax === 0) return newest(cell);
    const asOfMs = scheduler.nowMs - random.next() ** 3 * conduct.staleMsMax;
    let index = cell.versions.length - 1;
    while (index >= 0 && (cell.versions[index]?.atMs ?? 0) > asOfMs) index--;
    return cell.versions[index]?.item;
  };

  return {
    changes,
    put: (item, condition, by) => {
      const standing = newest(cellAt(item));
      const holds =
        condition.kind === 'ifAbsent' ? standing === undefined : standing?.version === condition.version;
      if (!holds) return { stored: false, standing: standing && copyItem(standing) };
      const stored = copyItem(item);
      change(item, 'put', stored, by);
      planExpiry(stored);
      return { stored: true, standing: undefined };
    },
    delete: (key, version, by) => {
      if (newest(cellAt(key))?.version !== version) return false;
      change(key, 'delete', undefined, by);
      return true;
    },
    lose: (key) => change(key, 'loss', undefined, 'disaster'),
    get: (key, { consistent }) => {
      const item = seenNow(cellAt(key), consistent);
      return item && copyItem(item);
    },
    query: (pk, range) => {
      const cells = collections.get(pk) ?? [];
      const cut = random.chance(conduct.pageCut) ? 2 + random.integer(6) : range.limit;
      return page(cells, range, Math.min(cut, range.limit), (cell) => seenNow(cell, range.consistent));
    },
    collections: () => [...collections.keys()],
    peek: (pk) =>
      (collections.get(pk) ?? []).map(newest).filter((item): item is Item<S> => item !== undefined),
  };
}

function newest<S extends SortKey>(cell: Cell<S>): Item<S> | undefined {
  return cell.versions.at(-1)?.item;
}

function firstAtOrAfter<S extends SortKey>(cells: readonly Cell<S>[], sk: S): number {
  let low = 0;
  let high = cells.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cells[middle] as Cell<S>).sk < sk) low = middle + 1;
    else high = middle;
  }
  return low;
}

function page<S extends SortKey>(
  cells: readonly Cell<S>[],
  range: QueryRange<S>,
  limit: number,
  see: (cell: Cell<S>) => Item<S> | undefined,
): { items: Item<S>[]; more: boolean } {
  const inRange = ({ sk }: Cell<S>): boolean =>
    (range.from === undefined || sk >= range.from) &&
    (range.to === undefined || sk <= range.to) &&
    (range.after === undefined || (range.reverse ? sk < range.after : sk > range.after));
  const wanted = cells.filter(inRange);
  if (range.reverse) wanted.reverse();
  const items: Item<S>[] = [];
  for (const cell of wanted) {
    // Like DynamoDB, which stops at the limit without looking whether anything follows.
    if (items.length === limit) return { items, more: true };
    const item = see(cell);
    if (item !== undefined) items.push(copyItem(item));
  }
  return { items, more: items.length === limit };
}
