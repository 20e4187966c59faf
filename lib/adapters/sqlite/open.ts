import type { Clock } from '../../storage/clock.ts';
import type { Table } from '../../storage/table.ts';
import { openDatabase } from './database.ts';
import { type Expiry, expiryOf } from './expiry.ts';
import { groupWriter } from './group-writer.ts';
import { rowsOf } from './rows.ts';
import { sqliteTable } from './table.ts';

export interface SqliteTablesOptions {
  /** The database file; its folder is made if it is missing. */
  readonly path: string;
  readonly clock: Clock;
}

export interface SqliteTables extends Expiry {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  /** Commits what is in flight and gives the file free. Later writes are refused. */
  close(): void;
}

/** Both tables in one SQLite file that this process has for itself. Throws the `refused` faults of `openDatabase`. */
export function openSqliteTables({ path, clock }: SqliteTablesOptions): SqliteTables {
  const db = openDatabase(path);
  const writer = groupWriter(db);
  return {
    hot: sqliteTable<number>({ rows: rowsOf(db, 'hot'), writer, clock }),
    catalog: sqliteTable<string>({ rows: rowsOf(db, 'catalog'), writer, clock }),
    ...expiryOf(db),
    close: () => {
      writer.close();
      if (db.isOpen) db.close();
    },
  };
}
