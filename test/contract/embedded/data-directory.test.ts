import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDirectoryBucket } from '../../../lib/adapters/directory/index.ts';
import { openSqliteTables, type SqliteTables } from '../../../lib/adapters/sqlite/index.ts';
import { systemClock, systemRandom } from '../../../lib/adapters/system/index.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { caller, IF_ABSENT, itemAt, noise } from '../support.ts';
import { freshFolder, linesOf, startChild } from './child.ts';

const clock = systemClock();
const random = systemRandom();

function openTables(folder: string): SqliteTables {
  const tables = openSqliteTables({ path: join(folder, 'millrace.db'), clock });
  onTestFinished(() => tables.close());
  return tables;
}

function refusal(open: () => unknown): StorageFault {
  try {
    open();
  } catch (error) {
    if (error instanceof StorageFault) return error;
    throw error;
  }
  throw new Error('it opened');
}

describe('a data directory that another process uses', () => {
  it('is refused by name, and free as soon as that process is killed', async () => {
    const folder = freshFolder();
    const holder = startChild('hold', folder);
    expect(await linesOf(holder, 1)).toEqual(['held']);
    const fault = refusal(() => openTables(folder));
    expect(fault.kind).toBe('refused');
    expect(fault.message).toContain(`another process is using the data directory ${folder}`);
    await holder.kill();
    const tables = openTables(folder);
    expect(await tables.hot.put(itemAt('p', 0), IF_ABSENT, caller())).toMatchObject({ stored: true });
  });

  it('is refused to the other process while this one lives, and given to it when this one closes', async () => {
    const folder = freshFolder();
    const tables = openTables(folder);
    await tables.catalog.put(itemAt('p', 'k'), IF_ABSENT, caller());
    expect(await linesOf(startChild('open', folder), 1)).toEqual([
      expect.objectContaining({ kind: 'refused', message: expect.stringContaining(folder) }),
    ]);
    tables.close();
    expect(await linesOf(startChild('open', folder), 1)).toEqual(['opened']);
  });

  it('is refused to the same process too', () => {
    const folder = freshFolder();
    openTables(folder);
    expect(refusal(() => openTables(folder)).message).toContain('another process');
  });
});

describe('a data directory that cannot be written', () => {
  const cannotWrite = [
    expect.objectContaining({ kind: 'refused', mayHaveHappened: false }),
    expect.objectContaining({ kind: 'refused', mayHaveHappened: false }),
  ];

  it('is refused by name when nothing is there yet', async () => {
    const folder = freshFolder();
    chmodSync(folder, 0o555);
    const answers = await linesOf(startChild('unprivileged', folder), 2);
    expect(answers).toEqual(cannotWrite);
    expect(JSON.stringify(answers[0])).toContain(folder);
    expect(JSON.stringify(answers[1])).toContain(folder);
  });

  it('is refused by name when a store is there', async () => {
    const folder = freshFolder();
    openTables(folder).close();
    openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
    for (const [path, mode] of [
      ['millrace.db', 0o444],
      ['objects/.incoming', 0o555],
      ['objects', 0o555],
      ['.', 0o555],
    ] as const) {
      chmodSync(join(folder, path), mode);
    }
    const answers = await linesOf(startChild('unprivileged', folder), 2);
    expect(answers).toEqual(cannotWrite);
    expect(JSON.stringify(answers[0])).toContain(folder);
  });

  it('is refused when its path leads through a file', () => {
    const folder = freshFolder();
    writeFileSync(join(folder, 'file'), '');
    expect(refusal(() => openTables(join(folder, 'file', 'data'))).kind).toBe('refused');
  });
});

describe('a data directory that this version cannot read', () => {
  it('is refused and left untouched when its format is newer', () => {
    const folder = freshFolder();
    openTables(folder).close();
    const path = join(folder, 'millrace.db');
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 99');
    db.close();
    const before = statSync(path);
    const fault = refusal(() => openTables(folder));
    expect(fault.kind).toBe('refused');
    expect(fault.message).toBe(
      `the data directory ${folder} has format 99; this version of Millrace reads up to 1`,
    );
    expect(statSync(path).mtimeMs).toBe(before.mtimeMs);
  });

  it('is refused when the database is of another program, or no database at all', () => {
    const other = freshFolder();
    const db = new DatabaseSync(join(other, 'millrace.db'));
    db.exec('CREATE TABLE t (x)');
    db.close();
    expect(refusal(() => openTables(other)).message).toContain('something else than a Millrace store');
    const text = freshFolder();
    writeFileSync(
      join(text, 'millrace.db'),
      'just some text, long enough to be taken for a header of a database\n'.repeat(20),
    );
    expect(refusal(() => openTables(text))).toMatchObject({ kind: 'refused' });
  });

  it('keeps what is stored when it is opened again by this version', async () => {
    const folder = freshFolder();
    const item = itemAt('p', 1, { b: noise(5_000) });
    const first = openTables(folder);
    await first.hot.put(item, IF_ABSENT, caller());
    first.close();
    const read = await openTables(folder).hot.get(item, { consistent: true }, caller());
    expect(read.item).toEqual(item);
  });
});

describe('a full disk', () => {
  const full = expect.objectContaining({ kind: 'full', mayHaveHappened: false });

  it('or files at their largest size answer a fault, and what was acknowledged stays', async () => {
    const folder = freshFolder();
    // In blocks of 512 bytes (POSIX): 1 MB for each file.
    const child = startChild('fill', folder, { limit: 'ulimit -f 2000' });
    const [answer] = await linesOf(child, 1);
    // SQLite tells EFBIG as an I/O error, and one of those in a COMMIT leaves the last row's outcome open.
    expect(answer).toMatchObject({
      objectFault: full,
      rowFault: { kind: 'interrupted', mayHaveHappened: true },
    });
    await child.kill();
    await expectAcknowledged(folder, { ...(answer as { rows: number; objects: number }), openRows: 1 });
  });

  // Mounting needs root; the claim above covers the rest.
  it.skipIf(!mayMount())('answers full, and what was acknowledged stays', async () => {
    const folder = freshFolder();
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk]);
    onTestFinished(() => void execFileSync('umount', [disk]));
    const child = startChild('fill', disk);
    const [answer] = await linesOf(child, 1);
    expect(answer).toMatchObject({ rowFault: full, objectFault: full });
    await child.kill();
    await expectAcknowledged(disk, answer as { rows: number; objects: number });
  });
});

async function expectAcknowledged(
  folder: string,
  acknowledged: { rows: number; objects: number; openRows?: number },
): Promise<void> {
  expect(acknowledged.rows).toBeGreaterThan(0);
  const tables = openSqliteTables({ path: join(folder, 'millrace.db'), clock });
  const sks: number[] = [];
  for (let after = -1; ; ) {
    const page = await tables.hot.query('p', { after, limit: 10, consistent: true }, caller());
    for (const item of page.items) expect(item.attributes.b).toEqual(noise(50_000));
    sks.push(...page.items.map(({ sk }) => sk));
    if (!page.more) break;
    after = sks.at(-1) ?? after;
  }
  expect(sks).toEqual(sks.map((_, sk) => sk));
  expect(sks.length).toBeGreaterThanOrEqual(acknowledged.rows);
  expect(sks.length).toBeLessThanOrEqual(acknowledged.rows + (acknowledged.openRows ?? 0));
  const bucket = openDirectoryBucket({ path: join(folder, 'objects'), clock, random });
  const { objects } = await bucket.list('o/', { limit: 100 }, caller());
  expect(objects.map(({ key, bytes }) => [key, bytes])).toEqual(
    Array.from({ length: acknowledged.objects }, (_, n) => [`o/${n}`, 50_000 * 2 ** n]),
  );
  tables.close();
}

function mayMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  const path = mkdtempSync(join(tmpdir(), 'millrace-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' });
    execFileSync('umount', [path]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(path, { recursive: true });
  }
}
