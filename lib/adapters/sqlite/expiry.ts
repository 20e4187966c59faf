import type { DatabaseSync } from 'node:sqlite';
import { sqliteFault } from './faults.ts';

/** Items removed by one call, so that it does not hold the event loop for long; call again while it answers as many. */
export const REMOVALS_MAX = 1_000;

/**
 * What DynamoDB's expiry does by itself, an embedded store must be told to do. ⚑ Expiry must never reach data that is
 * not sealed yet: of the hot table only items below a sealed end are removed, however old the others are.
 */
export interface Expiry {
  /** Removes catalog items whose expiry has passed. Answers how many: at most `REMOVALS_MAX`. */
  removeExpired(options: { readonly nowSeconds: number }): number;
  /** Removes hot items of one partition below `sealedEnd` whose expiry has passed. At most `REMOVALS_MAX`. */
  removeHotBelow(pk: string, options: { readonly sealedEnd: number; readonly nowSeconds: number }): number;
}

export function expiryOf(db: DatabaseSync): Expiry {
  const removeExpired = db.prepare(
    `DELETE FROM catalog WHERE id IN (SELECT id FROM catalog WHERE x <= ? ORDER BY x LIMIT ${REMOVALS_MAX})`,
  );
  const removeHot = db.prepare(
    `DELETE FROM hot WHERE id IN (SELECT id FROM hot WHERE pk = ? AND sk < ? AND x <= ? ORDER BY sk LIMIT ${REMOVALS_MAX})`,
  );

  return {
    removeExpired: ({ nowSeconds }) => removing(() => Number(removeExpired.run(nowSeconds).changes)),
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
