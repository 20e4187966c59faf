import { StorageFault } from './fault.ts';
import type { AttributeValue, Item, Key, SortKey } from './table.ts';
import { ITEM_BYTES_MAX, isList, itemBytes, utf8Bytes } from './units.ts';

/**
 * What every table takes, whatever the adapter: DynamoDB's limits
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html), so that nothing is stored
 * locally that could not be stored there.
 */
const PK_BYTES_MAX = 2_048;
const SK_BYTES_MAX = 1_024;
const DEPTH_MAX = 32;
const RESERVED = new Set(['pk', 'sk', 'v', 'x', '']);
/** Cannot be a member of a plain object that is filled name by name. */
const UNSAFE_NAME = '__proto__';

/** The item's size. Throws a `refused` fault if it cannot be stored as it is, a `full` one if it is too large. */
export function checkItem<S extends SortKey>(item: Item<S>): number {
  checkKey(item);
  if (item.version === '') throw refused('the version is empty');
  if (item.expiresAtSeconds !== undefined && !Number.isSafeInteger(item.expiresAtSeconds)) {
    throw refused('the expiry is not a whole number of seconds');
  }
  for (const name in item.attributes) {
    if (RESERVED.has(name)) throw refused(`attribute name "${name}" is reserved`);
    checkName(name);
    checkValue(item.attributes[name], name, 1);
  }
  const bytes = itemBytes(item);
  if (bytes > ITEM_BYTES_MAX) {
    throw new StorageFault('full', `item of ${bytes} bytes; at most ${ITEM_BYTES_MAX} can be stored`);
  }
  return bytes;
}

export function checkKey<S extends SortKey>(key: Key<S>): void {
  checkKeyText(key.pk, 'partition key', PK_BYTES_MAX);
  if (typeof key.sk === 'string') checkKeyText(key.sk, 'sort key', SK_BYTES_MAX);
  else if (!Number.isSafeInteger(key.sk)) throw refused(`sort key ${key.sk} is not a safe integer`);
}

function checkKeyText(text: string, what: string, bytesMax: number): void {
  if (text === '' || utf8Bytes(text) > bytesMax || !text.isWellFormed()) {
    throw refused(`the ${what} must be 1 to ${bytesMax} bytes of well-formed text`);
  }
}

function checkValue(value: AttributeValue | undefined, name: string, depth: number): void {
  if (value === undefined) throw refused(`attribute "${name}" is undefined`);
  if (value === null || typeof value === 'boolean' || value instanceof Uint8Array) return;
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw refused(`attribute "${name}" holds half a surrogate pair`);
    return;
  }
  if (typeof value === 'number') {
    checkNumber(value, name);
    return;
  }
  if (depth >= DEPTH_MAX) throw refused(`attribute "${name}" is nested too deeply`);
  if (isList(value)) {
    for (const element of value) checkValue(element, name, depth + 1);
    return;
  }
  for (const [member, element] of Object.entries(value)) {
    checkName(member);
    checkValue(element, name, depth + 1);
  }
}

function checkName(name: string): void {
  if (name === UNSAFE_NAME || !name.isWellFormed()) throw refused(`"${name}" cannot be a name`);
}

function checkNumber(value: number, name: string): void {
  const size = Math.abs(value);
  const storable = size === 0 || (size >= 1e-130 && size < 1e126);
  if (!storable) throw refused(`attribute "${name}" holds the number ${value}, which cannot be stored`);
}

function refused(message: string): StorageFault {
  return new StorageFault('refused', message);
}
