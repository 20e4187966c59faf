import type { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { groupWriter } from '../../../../lib/adapters/sqlite/group-writer.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';

/** A database that only keeps a diary, and throws SQLite's error `errcode` at the statements named. */
function diary(failing: Readonly<Record<string, number>> = {}): { db: DatabaseSync; log: string[] } {
  const log: string[] = [];
  let inTransaction = false;
  const db = {
    get isTransaction() {
      return inTransaction;
    },
    prepare: (sql: string) => ({
      run: () => {
        log.push(sql);
        const errcode = failing[sql];
        if (errcode !== undefined) throw sqliteError(errcode);
        inTransaction = sql.startsWith('BEGIN');
      },
    }),
  };
  return { db: db as unknown as DatabaseSync, log };
}

function sqliteError(errcode: number): Error {
  return Object.assign(new Error('scripted'), { code: 'ERR_SQLITE_ERROR', errcode });
}

async function outcome(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    (answer) => answer,
    (error: unknown) => (error instanceof StorageFault ? [error.kind, error.mayHaveHappened] : error),
  );
}

describe('the group writer', () => {
  it('commits the writes of one turn together, in order, and answers after the COMMIT', async () => {
    const { db, log } = diary();
    const writer = groupWriter(db);
    const writes = [1, 2, 3].map(async (n) => {
      await writer.write(10, () => log.push(`write ${n}`));
      log.push(`answer ${n}`);
    });
    expect(log).toEqual([]);
    await Promise.all(writes);
    expect(log).toEqual([
      'BEGIN IMMEDIATE',
      'write 1',
      'write 2',
      'write 3',
      'COMMIT',
      'answer 1',
      'answer 2',
      'answer 3',
    ]);
  });

  it('begins another transaction when one holds 16 MiB or 1,000 writes', async () => {
    const large = diary();
    const writerOfLarge = groupWriter(large.db);
    await Promise.all([1, 2, 3].map(() => writerOfLarge.write(10_000_000, () => 0)));
    const begun = (log: string[]): number => log.filter((sql) => sql === 'BEGIN IMMEDIATE').length;
    expect(begun(large.log)).toBe(3);
    const many = diary();
    const writer = groupWriter(many.db);
    await Promise.all(Array.from({ length: 2_500 }, () => writer.write(1, () => 0)));
    expect(begun(many.log)).toBe(3);
  });

  it('lets one write fail by a fault of its own without the others', async () => {
    const { db, log } = diary();
    const writer = groupWriter(db);
    const answers = await Promise.all([
      outcome(writer.write(1, () => 'stored')),
      outcome(
        writer.write(1, () => {
          throw new StorageFault('fenced', 'too old');
        }),
      ),
      outcome(writer.write(1, () => 'stored too')),
    ]);
    expect(answers).toEqual(['stored', ['fenced', false], 'stored too']);
    expect(log).toEqual(['BEGIN IMMEDIATE', 'COMMIT']);
  });

  it.each([
    ['a full disk', 13, ['full', false]],
    ['an I/O error in the COMMIT, whose outcome is open', 778, ['interrupted', true]],
    ['a database that became read-only', 8, ['refused', false]],
    ['a damaged database', 11, ['damaged', false]],
  ])('fails all writes of a transaction alike: %s', async (_, errcode, expected) => {
    const { db, log } = diary({ COMMIT: errcode });
    const writer = groupWriter(db);
    const answers = await Promise.all([1, 2].map((n) => outcome(writer.write(1, () => n))));
    expect(answers).toEqual([expected, expected]);
    expect(log).toEqual(['BEGIN IMMEDIATE', 'COMMIT', 'ROLLBACK']);
  });

  it('an I/O error before the COMMIT rolls all of them back, and nothing happened', async () => {
    const { db, log } = diary();
    const writer = groupWriter(db);
    const answers = await Promise.all([
      outcome(writer.write(1, () => 'never stored')),
      outcome(
        writer.write(1, () => {
          throw sqliteError(10);
        }),
      ),
    ]);
    expect(answers).toEqual([
      ['interrupted', false],
      ['interrupted', false],
    ]);
    expect(log).toEqual(['BEGIN IMMEDIATE', 'ROLLBACK']);
  });

  it('goes on after a failed transaction', async () => {
    const failing: Record<string, number> = { COMMIT: 13 };
    const { db } = diary(failing);
    const writer = groupWriter(db);
    expect(await outcome(writer.write(1, () => 1))).toEqual(['full', false]);
    delete failing.COMMIT;
    expect(await outcome(writer.write(1, () => 2))).toBe(2);
  });

  it('closing commits what is waiting and refuses what comes later', async () => {
    const { db, log } = diary();
    const writer = groupWriter(db);
    const waiting = writer.write(1, () => 'in time');
    writer.close();
    expect(log).toEqual(['BEGIN IMMEDIATE', 'COMMIT']);
    expect(await waiting).toBe('in time');
    expect(await outcome(writer.write(1, () => 'late'))).toEqual(['refused', false]);
  });
});
