import type { DatabaseSync } from 'node:sqlite';
import type { Key } from '../../storage/table.ts';
import { sqliteFault } from './faults.ts';

/** Items removed by one call, so that it does not hold the event loop for long; call again while it answers as many. */
export const REMOVALS_MAX = 1_000;

/**
 * What DynamoDB's expiry does by itself, an embedded store must be told to do. ⚑ Expiry must never reach data that is
 * not sealed yet: of the hot table only items below a sealed end are removed, however old the others are.
 */
export interface Expiry {
  /**
   * Removes catalog items whose expiry has passed, of those that `mayRemove` agrees to (default: all). Answers how many:
   * at most `REMOVALS_MAX`.
   */
  removeExpired(options: {
    readonly nowSeconds: number;
    readonly mayRemove?: (key: Key<string>) => boolean;
  }): number;
  /** Removes hot items of one partition below `sealedEnd` whose expiry has passed. At most `REMOVALS_MAX`. */
  removeHotBelow(pk: string, options: { readonly sealedEnd: number; readonly nowSeconds: number }): number;
}

export function expiryOf(db: DatabaseSync): Expiry {
  const expired = db.prepare('SELECT id, pk, sk FROM catalog WHERE x <= ? ORDER BY x');
  const removeOne = db.prepare('DELETE FROM catalog WHERE id = ?');
  const removeHot = db.prepare(
    `DELETE FROM hot WHERE id IN (SELECT id FROM hot WHERE pk = ? AND sk < ? AND x <= ? ORDER BY sk LIMIT ${REMOVALS_MAX})`,
  );

  const idsExpired = (nowSeconds: number, mayRemove: (key: Key<string>) => boolean): number[] => {
    const ids: number[] = [];
    for (const row of expired.iterate(nowSeconds)) {
      if (ids.length === REMOVALS_MAX) break;
      if (mayRemove({ pk: String(row.pk), sk: String(row.sk) })) ids.push(Number(row.id));
    }
    return ids;
  };

  const removeAll = (ids: readonly number[]): number => {
    if (ids.length === 0) return 0;
    db.exec('BEGIN IMMEDIATE');
    try {
      for (const id of ids) removeOne.run(id);
      db.exec('COMMIT');
      return ids.length;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  };

  return {
    removeExpired: ({ nowSeconds, mayRemove = () => true }) =>
      removing(() => removeAll(idsExpired(nowSeconds, mayRemove))),
    removeHotBelow: (pk, { sealedEnd, nowSeconds }) =>
      removing(() => Number(removeHot.run(pk, sealedEnd, nowSeconds).changes)),
  };
}

function removing(remove: () => number): number {
  try {
    return remove();
  } catch (error) {
    throw sqliteFault(error, { doing: 'remove expired items', committing: true });
  }
}
