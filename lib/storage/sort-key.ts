import type { SortKey } from './table.ts';
import { utf8Bytes } from './units.ts';

/** The order of items in a partition: numbers by value, strings by their UTF-8 bytes. Negative, 0 or positive. */
export function compareSortKeys(a: SortKey, b: SortKey): number {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) - Number(b);
  // JavaScript orders by UTF-16 code units, which differs only where surrogate pairs are.
  if (utf8Bytes(a) !== a.length || utf8Bytes(b) !== b.length) {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
