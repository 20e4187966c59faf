import type { DatabaseSync } from 'node:sqlite';
import { StorageFault } from '../../storage/fault.ts';
import { sqliteFault } from './faults.ts';

/** One transaction holds the event loop until it is on disk; more than this waits for the next one. */
const GROUP_BYTES_MAX = 16_777_216;
const GROUP_WRITES_MAX = 1_000;

export interface GroupWriter {
  /**
   * Runs `write` in the next transaction, together with every other write of this turn of the event loop, and answers
   * what it returned once that is on disk. What `write` throws is its own: it must not have changed anything then.
   */
  write<T>(bytes: number, write: () => T): Promise<T>;
  /** Commits what is waiting; refuses everything after it. */
  close(): void;
}

interface Waiting {
  readonly bytes: number;
  /** Runs the write and answers how to settle it once the transaction is on disk. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Group commit: one sync to disk serves all writes that arrived in the same turn, each judged by itself in the order of
 * arrival. A transaction that fails fails all of its writes alike.
 */
export function groupWriter(db: DatabaseSync): GroupWriter {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  let waiting: Waiting[] = [];
  let closed = false;

  const commitNext = (): void => {
    if (waiting.length === 0) return;
    const group = waiting.slice(0, groupLength(waiting));
    waiting = waiting.slice(group.length);
    if (waiting.length > 0) setImmediate(commitNext);
    let committing = false;
    try {
      begin.run();
      const settle = group.map(({ run }) => run());
      committing = true;
      commit.run();
      for (const each of settle) each();
    } catch (error) {
      if (db.isTransaction) rollback.run();
      const fault = sqliteFault(error, { doing: 'store a write', committing });
      for (const { fail } of group) fail(fault);
    }
  };

  return {
    write: (bytes, write) =>
      new Promise((resolve, reject) => {
        if (closed) throw new StorageFault('refused', 'the store is closed');
        const run = (): (() => void) => {
          try {
            const answer = write();
            return () => resolve(answer);
          } catch (error) {
            // A fault of this one write, such as a fence that has passed; SQLite's own errors end the transaction.
            if (error instanceof StorageFault) return () => reject(error);
            throw error;
          }
        };
        if (waiting.length === 0) setImmediate(commitNext);
        waiting.push({ bytes, run, fail: reject });
      }),
    close: () => {
      while (waiting.length > 0) commitNext();
      closed = true;
    },
  };
}

function groupLength(waiting: readonly Waiting[]): number {
  let bytes = 0;
  let count = 0;
  for (const next of waiting) {
    bytes += next.bytes;
    if (count === GROUP_WRITES_MAX || (count > 0 && bytes > GROUP_BYTES_MAX)) break;
    count += 1;
  }
  return count;
}
