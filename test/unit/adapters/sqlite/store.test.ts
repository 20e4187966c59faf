import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../../../lib/adapters/sqlite/database.ts';
import { REMOVALS_MAX } from '../../../../lib/adapters/sqlite/expiry.ts';
import { groupWriter } from '../../../../lib/adapters/sqlite/group-writer.ts';
import { openSqliteTables, type SqliteTables } from '../../../../lib/adapters/sqlite/index.ts';
import { rowsOf } from '../../../../lib/adapters/sqlite/rows.ts';
import { sqliteTable } from '../../../../lib/adapters/sqlite/table.ts';
import { systemClock } from '../../../../lib/adapters/system/index.ts';
import type { Call } from '../../../../lib/storage/call.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import { Meter } from '../../../../lib/storage/meter.ts';
import type { Item } from '../../../../lib/storage/table.ts';

const clock = systemClock();
const IF_ABSENT = { condition: { kind: 'ifAbsent' } } as const;

function freshPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'millrace.db');
}

function freshTables(): SqliteTables {
  const tables = openSqliteTables({ path: freshPath(), clock });
  onTestFinished(() => tables.close());
  return tables;
}

function caller(): Call {
  return { meter: new Meter(), deadlineMs: Number.POSITIVE_INFINITY };
}

function chunk(sk: number, bodyBytes = 10): Item<number> {
  return {
    pk: 'p',
    sk,
    version: `v${sk}`,
    expiresAtSeconds: 1_000 + sk,
    attributes: { b: new Uint8Array(bodyBytes) },
  };
}

async function keysIn(tables: SqliteTables): Promise<number[]> {
  return (await tables.hot.query('p', { limit: 10_000, consistent: true }, caller())).items.map(
    ({ sk }) => sk,
  );
}

describe('the store', () => {
  it('syncs every commit and keeps the file to itself', () => {
    const db = openDatabase(freshPath());
    onTestFinished(() => db.close());
    const pragma = (name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    expect(pragma('synchronous')).toBe(2);
    expect(pragma('journal_mode')).toBe('wal');
    expect(pragma('locking_mode')).toBe('exclusive');
    expect(pragma('user_version')).toBe(1);
  });

  it('finds every page of a partition by its key, without reading the others', () => {
    const db = openDatabase(freshPath());
    onTestFinished(() => db.close());
    for (const [table, order] of [
      ['hot', 'ASC'],
      ['hot', 'DESC'],
      ['catalog', 'ASC'],
    ]) {
      const sql = `EXPLAIN QUERY PLAN SELECT sk, body FROM ${table} WHERE pk = ? AND sk > ? ORDER BY sk ${order} LIMIT ?`;
      expect(
        db
          .prepare(sql)
          .all('p', 1, 1)
          .map(({ detail }) => detail),
      ).toEqual([`SEARCH ${table} USING INDEX ${table}_key (pk=? AND sk>?)`]);
    }
  });

  it('that is full fails the write, keeps the others and takes writes again when there is room', async () => {
    const db = openDatabase(freshPath());
    onTestFinished(() => db.close());
    const table = sqliteTable<number>({ rows: rowsOf(db, 'hot'), writer: groupWriter(db), clock });
    db.exec('PRAGMA max_page_count = 40');
    let stored = 0;
    const fault = await (async () => {
      for (; ; stored += 1) await table.put(chunk(stored, 50_000), IF_ABSENT, caller());
    })().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(StorageFault);
    expect(fault).toMatchObject({ kind: 'full', mayHaveHappened: false });
    expect(stored).toBeGreaterThan(3);
    expect((await table.query('p', { limit: 100, consistent: true }, caller())).items).toHaveLength(stored);
    db.exec('PRAGMA max_page_count = 400');
    expect(await table.put(chunk(stored, 50_000), IF_ABSENT, caller())).toMatchObject({ stored: true });
  });

  it('tells a row that cannot be what was written', async () => {
    const path = freshPath();
    const first = openSqliteTables({ path, clock });
    await first.hot.put(chunk(0), IF_ABSENT, caller());
    first.close();
    const db = new DatabaseSync(path);
    db.exec(`UPDATE hot SET meta = x'0105'`);
    db.close();
    const tables = openSqliteTables({ path, clock });
    onTestFinished(() => tables.close());
    const damaged = { kind: 'damaged' };
    await expect(tables.hot.get(chunk(0), { consistent: true }, caller())).rejects.toMatchObject(damaged);
    await expect(tables.hot.query('p', { limit: 1, consistent: true }, caller())).rejects.toMatchObject(
      damaged,
    );
    await expect(tables.hot.put(chunk(0), IF_ABSENT, caller())).rejects.toMatchObject(damaged);
    expect(await tables.hot.put(chunk(1), IF_ABSENT, caller())).toMatchObject({ stored: true });
  });

  it('refuses requests after it was closed', async () => {
    const tables = freshTables();
    tables.close();
    tables.close();
    await expect(tables.hot.put(chunk(0), IF_ABSENT, caller())).rejects.toMatchObject({ kind: 'refused' });
    await expect(tables.hot.get(chunk(0), { consistent: true }, caller())).rejects.toMatchObject({
      kind: 'refused',
    });
  });
});

describe('the receipt of a large item', () => {
  it('is that of an object and a small pointer item, as it would be on AWS', async () => {
    const { hot } = freshTables();
    const put = caller();
    await hot.put(chunk(0, 65_536), IF_ABSENT, put);
    expect(put.meter.usage).toMatchObject({ tableWrites: 1, writeUnits: 1, objectPuts: 1 });
    expect(put.meter.usage.bytesWritten).toBeGreaterThan(65_536);
    const get = caller();
    await hot.get(chunk(0), { consistent: false }, get);
    expect(get.meter.usage).toMatchObject({ tableReads: 1, readUnits: 0.5, objectGets: 1 });
    await hot.put(chunk(1, 900), IF_ABSENT, caller());
    await hot.put(chunk(2, 65_536), IF_ABSENT, caller());
    const query = caller();
    await hot.query('p', { limit: 10, consistent: true }, query);
    expect(query.meter.usage).toMatchObject({ tableReads: 1, readUnits: 1, objectGets: 2 });
  });
});

describe('removing what has expired', () => {
  it('takes hot items below the sealed end only, however old the others are', async () => {
    const tables = freshTables();
    for (let sk = 0; sk < 6; sk += 1) await tables.hot.put(chunk(sk), IF_ABSENT, caller());
    // 1,003 and older have expired at 1,003; 2 and above are not sealed.
    expect(tables.removeHotBelow('p', { sealedEnd: 2, nowSeconds: 1_003 })).toBe(2);
    expect(await keysIn(tables)).toEqual([2, 3, 4, 5]);
    expect(tables.removeHotBelow('p', { sealedEnd: 6, nowSeconds: 1_003 })).toBe(2);
    expect(await keysIn(tables)).toEqual([4, 5]);
    expect(tables.removeHotBelow('other', { sealedEnd: 6, nowSeconds: 9_999 })).toBe(0);
  });

  it('keeps items without an expiry', async () => {
    const tables = freshTables();
    await tables.hot.put({ pk: 'p', sk: 0, version: 'v', attributes: {} }, IF_ABSENT, caller());
    expect(tables.removeHotBelow('p', { sealedEnd: 9, nowSeconds: 4_000_000_000 })).toBe(0);
  });

  it('takes catalog items whose expiry has passed', async () => {
    const { catalog, removeExpired } = freshTables();
    const expiries = { a: 10, b: 20, c: 20, d: 30, e: undefined };
    for (const [sk, expiresAtSeconds] of Object.entries(expiries)) {
      const expiry = expiresAtSeconds === undefined ? {} : { expiresAtSeconds };
      await catalog.put({ pk: 'p', sk, version: 'v', attributes: {}, ...expiry }, IF_ABSENT, caller());
    }
    expect(removeExpired({ nowSeconds: 20 })).toBe(3);
    const { items } = await catalog.query('p', { limit: 10, consistent: true }, caller());
    expect(items.map(({ sk }) => sk)).toEqual(['d', 'e']);
    expect(removeExpired({ nowSeconds: 20 })).toBe(0);
  });

  it('takes a bounded number at a time', async () => {
    const tables = freshTables();
    await Promise.all(
      Array.from({ length: REMOVALS_MAX + 5 }, (_, sk) => tables.hot.put(chunk(sk), IF_ABSENT, caller())),
    );
    const all = { sealedEnd: 1e9, nowSeconds: 4_000_000_000 };
    expect(tables.removeHotBelow('p', all)).toBe(REMOVALS_MAX);
    expect(tables.removeHotBelow('p', all)).toBe(5);
  });
});
