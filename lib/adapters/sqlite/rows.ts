import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { compareSortKeys } from '../../storage/sort-key.ts';
import type { Item, Key, QueryRange, SortKey } from '../../storage/table.ts';
import { type AttributeColumns, readAttributes } from './attributes.ts';

/** As selected: sk, v, x, n, meta, body. */
type Row<S extends SortKey> = [S, string, number | null, number, Uint8Array, Uint8Array | null];

export interface StoredItem<S extends SortKey> {
  readonly item: Item<S>;
  /** By DynamoDB's rules. */
  readonly bytes: number;
}

interface NewRow<S extends SortKey> {
  readonly item: Item<S>;
  readonly bytes: number;
  readonly columns: AttributeColumns;
}

/** The statements on one table, prepared once. All of them are synchronous and throw SQLite's own errors. */
export interface Rows<S extends SortKey> {
  find(key: Key<S>): StoredItem<S> | undefined;
  /** Answers whether the key was free. */
  insert(row: NewRow<S>): boolean;
  /** Replaces the item that has this version; answers its size, or undefined if there is none. */
  replace(row: NewRow<S>, version: string): number | undefined;
  /** Removes the item that has this version; answers its size, or undefined if there is none. */
  remove(key: Key<S>, version: string): number | undefined;
  /** In the order of the query, without end at 1 MB; one statement serves one scan at a time. */
  scan(pk: string, range: QueryRange<S>): Iterable<StoredItem<S>>;
}

export function rowsOf<S extends SortKey>(db: DatabaseSync, table: 'hot' | 'catalog'): Rows<S> {
  const columns = 'sk, v, x, n, meta, body';
  const prepare = (sql: string): StatementSync => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  const select = prepare(`SELECT ${columns} FROM ${table} WHERE pk = ? AND sk = ?`);
  const size = prepare(`SELECT n FROM ${table} WHERE pk = ? AND sk = ? AND v = ?`);
  const insert = db.prepare(
    `INSERT INTO ${table} (pk, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const update = db.prepare(
    `UPDATE ${table} SET v = ?, x = ?, n = ?, meta = ?, body = ? WHERE pk = ? AND sk = ? AND v = ?`,
  );
  const remove = db.prepare(`DELETE FROM ${table} WHERE pk = ? AND sk = ? AND v = ?`);

  /** Ranges come in few shapes; each is prepared when it is first asked for. */
  const scans = new Map<string, StatementSync>();
  const scan = (where: string, reverse: boolean): StatementSync => {
    const sql = `SELECT ${columns} FROM ${table} WHERE pk = ?${where} ORDER BY sk ${reverse ? 'DESC' : 'ASC'} LIMIT ?`;
    const known = scans.get(sql);
    if (known !== undefined) return known;
    const statement = prepare(sql);
    scans.set(sql, statement);
    return statement;
  };

  const sizeOf = (key: Key<S>, version: string): number | undefined => {
    const row = size.get(key.pk, key.sk, version) as unknown as [number] | undefined;
    return row?.[0];
  };

  return {
    find: ({ pk, sk }) => {
      const row = select.get(pk, sk) as unknown as Row<S> | undefined;
      return row && storedItem(pk, row);
    },

    insert: ({ item, bytes, columns: { meta, body } }) => {
      const { pk, sk, version, expiresAtSeconds = null } = item;
      return insert.run(pk, sk, version, expiresAtSeconds, bytes, meta, body).changes === 1;
    },

    replace: ({ item, bytes, columns: { meta, body } }, version) => {
      const standingBytes = sizeOf(item, version);
      if (standingBytes === undefined) return undefined;
      update.run(item.version, item.expiresAtSeconds ?? null, bytes, meta, body, item.pk, item.sk, version);
      return standingBytes;
    },

    remove: (key, version) => {
      const standingBytes = sizeOf(key, version);
      if (standingBytes !== undefined) remove.run(key.pk, key.sk, version);
      return standingBytes;
    },

    scan: function* (pk, range) {
      const { where, bounds } = boundsOf(range);
      const rows = scan(where, range.reverse === true).iterate(pk, ...bounds, range.limit);
      for (const row of rows) yield storedItem(pk, row as unknown as Row<S>);
    },
  };
}

/** At most one bound on each side, so that the index is entered right where the page begins. */
function boundsOf<S extends SortKey>(range: QueryRange<S>): { where: string; bounds: S[] } {
  const { from, to, after, reverse = false } = range;
  const bounds: S[] = [];
  let where = '';
  const bound = (inclusive: S | undefined, exclusive: S | undefined, sign: '>' | '<'): void => {
    if (exclusive !== undefined && !isBehind(inclusive, exclusive, sign)) {
      where += ` AND sk ${sign} ?`;
      bounds.push(exclusive);
    } else if (inclusive !== undefined) {
      where += ` AND sk ${sign}= ?`;
      bounds.push(inclusive);
    }
  };
  bound(from, reverse ? undefined : after, '>');
  bound(to, reverse ? after : undefined, '<');
  return { where, bounds };
}

/** Whether the inclusive bound is the tighter one. */
function isBehind(inclusive: SortKey | undefined, exclusive: SortKey, sign: '>' | '<'): boolean {
  if (inclusive === undefined) return false;
  const difference = compareSortKeys(inclusive, exclusive);
  return sign === '>' ? difference > 0 : difference < 0;
}

function storedItem<S extends SortKey>(pk: string, row: Row<S>): StoredItem<S> {
  const [sk, version, expiresAtSeconds, bytes, meta, body] = row;
  const attributes = readAttributes({ meta, body });
  const item =
    expiresAtSeconds === null
      ? { pk, sk, version, attributes }
      : { pk, sk, version, expiresAtSeconds, attributes };
  return { item, bytes };
}
