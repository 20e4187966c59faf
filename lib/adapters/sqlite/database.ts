import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StorageFault } from '../../storage/fault.ts';
import { ensureFolderSync } from '../directory/folders.ts';
import { openingFault } from './faults.ts';

/** "Mlrc": tells a Millrace store from any other SQLite file (https://www.sqlite.org/fileformat.html). */
const APPLICATION_ID = 0x4d_6c_72_63;
/** Kept in `user_version`. A store of a newer format is left untouched. */
export const STORE_FORMAT = 1;
/** Large rows are written and read in fewer, longer runs than with SQLite's 4 KiB; small ones cost the same. */
const PAGE_BYTES = 16_384;
/** 16 MiB of log between checkpoints. */
const CHECKPOINT_PAGES = 1_000;

/**
 * Chunks are up to 256 KiB: with bodies of that size an ordinary table and a unique index are faster than a table
 * clustered by its key. Column `n` is the size of the item by DynamoDB's rules, `x` the expiry in seconds.
 */
const SCHEMA = (['hot INTEGER', 'catalog TEXT'] as const)
  .map((each) => each.split(' '))
  .map(
    ([table, sortKeyType]) => `
      CREATE TABLE ${table} (
        id INTEGER PRIMARY KEY, pk TEXT NOT NULL, sk ${sortKeyType} NOT NULL,
        v TEXT NOT NULL, x INTEGER, n INTEGER NOT NULL, meta BLOB NOT NULL, body BLOB
      ) STRICT;
      CREATE UNIQUE INDEX ${table}_key ON ${table} (pk, sk);`,
  )
  .concat('CREATE INDEX catalog_expiry ON catalog (x) WHERE x IS NOT NULL;')
  .join('');

/**
 * Opens the store at `path` and makes it if it is not there. Every commit is synced before it is answered, and the
 * file belongs to this process alone until it closes or dies. Throws a `refused` fault that names the directory if
 * another process holds it, it cannot be written, it is not Millrace's or its format is newer.
 */
export function openDatabase(path: string): DatabaseSync {
  const directory = dirname(resolve(path));
  ensureFolderSync(directory);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    // Before anything touches the file: then WAL needs no shared memory and the lock is never given up.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF');
    const format = storedFormat(db, directory);
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL`);
    db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.exec('BEGIN IMMEDIATE');
    if (format === 0) {
      db.exec(`${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${STORE_FORMAT}`);
    }
    db.exec('COMMIT');
    // The names of a new file and of its log.
    ensureFolderSync(directory, { sync: true });
    return db;
  } catch (error) {
    db?.close();
    throw openingFault(error, directory);
  }
}

/** 0 for a new file. */
function storedFormat(db: DatabaseSync, directory: string): number {
  const applicationId = pragma(db, 'application_id');
  const format = pragma(db, 'user_version');
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n;
  if (applicationId === 0 && format === 0 && tables === 0) return 0;
  if (applicationId !== APPLICATION_ID) {
    throw new StorageFault(
      'refused',
      `the data directory ${directory} holds something else than a Millrace store`,
    );
  }
  if (format > STORE_FORMAT) {
    throw new StorageFault(
      'refused',
      `the data directory ${directory} has format ${format}; this version of Millrace reads up to ${STORE_FORMAT}`,
    );
  }
  return format;
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}
