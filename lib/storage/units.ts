import type { Usage } from './meter.ts';
import type { AttributeValue, Item, SortKey } from './table.ts';

/**
 * What AWS bills for one request, as pure rules that every adapter shares. Sources:
 * - item sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 * - units: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
 *   (a write is billed by the larger of the item before and the item after, and one whose condition fails is billed
 *   the same; a delete is billed by the item it removes, at least one unit; a query is billed by the sum of its items;
 *   a read that finds nothing is billed the minimum).
 */
export const WRITE_UNIT_BYTES = 1_024;
const READ_UNIT_BYTES = 4_096;

/** The largest item DynamoDB takes, names and values together. */
export const ITEM_BYTES_MAX = 409_600;
/** A query page ends before it passes this. */
export const PAGE_BYTES_MAX = 1_048_576;

/** The item as it lies in DynamoDB: attributes `pk`, `sk`, `v` and `x`, and the members of `attributes` beside them. */
export function itemBytes<S extends SortKey>(item: Item<S>): number {
  let bytes = 2 + utf8Bytes(item.pk) + 2 + sortKeyBytes(item.sk) + 1 + utf8Bytes(item.version);
  if (item.expiresAtSeconds !== undefined) bytes += 1 + numberBytes(item.expiresAtSeconds);
  for (const name in item.attributes) {
    bytes += utf8Bytes(name) + valueBytes(item.attributes[name] ?? null);
  }
  return bytes;
}

function sortKeyBytes(sk: SortKey): number {
  return typeof sk === 'number' ? numberBytes(sk) : utf8Bytes(sk);
}

/** The size of a value without the name it stands under. */
export function valueBytes(value: AttributeValue): number {
  if (typeof value === 'string') return utf8Bytes(value);
  if (typeof value === 'number') return numberBytes(value);
  if (value === null || typeof value === 'boolean') return 1;
  if (value instanceof Uint8Array) return value.byteLength;
  let bytes = 3;
  if (isList(value)) {
    for (const element of value) bytes += 1 + valueBytes(element);
    return bytes;
  }
  for (const [name, element] of Object.entries(value)) bytes += 1 + utf8Bytes(name) + valueBytes(element);
  return bytes;
}

/** `Array.isArray` does not narrow a readonly array out of a union. */
export function isList(value: AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

/**
 * One byte for every two significant digits and one more; a negative number takes another. Digits pair up from the
 * decimal point outwards, and pairs of zeros at either end are free. Zero takes one byte.
 */
export function numberBytes(value: number): number {
  if (value === 0) return 1;
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(exponentText);
  // The place of the first and the last digit, counted in pairs: tens and ones are pair 0, tenths and hundredths -1.
  const firstPair = Math.floor(exponent / 2);
  const lastPair = Math.floor((exponent - digits.length + 1) / 2);
  return firstPair - lastPair + 2 + (value < 0 ? 1 : 0);
}

export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

/** `bytes` is the size of all items read together. Half for an eventually consistent read. */
export function readUnits(bytes: number, options: { readonly consistent: boolean }): number {
  const units = Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));
  return options.consistent ? units : units / 2;
}

/** `standingBytes`: the size of the item that stood at the key, 0 for none. A lost put answers that item. */
export function putUsage(put: {
  readonly stored: boolean;
  readonly itemBytes: number;
  readonly standingBytes: number;
}): Partial<Usage> {
  const units = writeUnits(Math.max(put.itemBytes, put.standingBytes));
  return put.stored
    ? { tableWrites: 1, writeUnits: units, bytesWritten: put.itemBytes }
    : { tableWrites: 1, writeUnits: units, lostWrites: 1, bytesRead: put.standingBytes };
}

/**
 * A put within a transaction: twice the units, to prepare and to commit
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling).
 * A cancelled one is charged the same, because nothing says that it takes less.
 */
export function transactedPutUsage(put: Parameters<typeof putUsage>[0]): Partial<Usage> {
  const usage = putUsage(put);
  return { ...usage, writeUnits: 2 * (usage.writeUnits ?? 0) };
}

export function deleteUsage(removal: {
  readonly deleted: boolean;
  readonly standingBytes: number;
}): Partial<Usage> {
  return {
    tableWrites: 1,
    writeUnits: writeUnits(removal.standingBytes),
    lostWrites: removal.deleted ? 0 : 1,
  };
}

/** One get or one query page; `bytes` is the size of all items it answered. */
export function readUsage(bytes: number, options: { readonly consistent: boolean }): Partial<Usage> {
  return { tableReads: 1, readUnits: readUnits(bytes, options), bytesRead: bytes };
}

export function objectPutUsage(bytes: number): Partial<Usage> {
  return { objectPuts: 1, bytesWritten: bytes };
}

/** A get that finds nothing is a request all the same. */
export function objectGetUsage(bytes: number): Partial<Usage> {
  return { objectGets: 1, bytesRead: bytes };
}
