export { openSqliteTables, type SqliteTables, type SqliteTablesOptions } from './open.ts';
