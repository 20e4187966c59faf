import type { AttributeValue as Wire } from '@aws-sdk/client-dynamodb';
import { StorageFault } from '../../storage/fault.ts';
import type { AttributeValue, Item, Key, SortKey } from '../../storage/table.ts';
import { isList } from '../../storage/units.ts';

/** A sort key as DynamoDB names its type: the hot table has numbers, the catalog strings. */
export interface SortKeyType<S extends SortKey> {
  toWire(sk: S): Wire;
  fromWire(wire: Wire): S | undefined;
  /** DynamoDB's order: numbers by value, strings by their UTF-8 bytes. */
  compare(a: S, b: S): number;
}

export const NUMBER_KEY: SortKeyType<number> = {
  toWire: (sk) => ({ N: String(sk) }),
  fromWire: ({ N }) => (N === undefined ? undefined : Number(N)),
  compare: (a, b) => a - b,
};

export const STRING_KEY: SortKeyType<string> = {
  toWire: (sk) => ({ S: sk }),
  fromWire: ({ S }) => S,
  compare: (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)),
};

type WireItem = Record<string, Wire>;

export function keyToWire<S extends SortKey>(key: Key<S>, type: SortKeyType<S>): WireItem {
  return { pk: { S: key.pk }, sk: type.toWire(key.sk) };
}

/**
 * One DynamoDB item: `pk` (S), `sk` (N or S), `v` the version (S), `x` the expiry in seconds (N, the table's
 * time-to-live attribute), and the members of `attributes` beside them.
 */
export function itemToWire<S extends SortKey>(item: Item<S>, type: SortKeyType<S>): WireItem {
  const wire: WireItem = { ...keyToWire(item, type), v: { S: item.version } };
  if (item.expiresAtSeconds !== undefined) wire.x = { N: String(item.expiresAtSeconds) };
  for (const [name, value] of Object.entries(item.attributes)) wire[name] = valueToWire(value);
  return wire;
}

/** Throws a `damaged` fault for an item that Millrace cannot have written. */
export function itemFromWire<S extends SortKey>(wire: WireItem, type: SortKeyType<S>): Item<S> {
  const { pk, sk, v, x, ...rest } = wire;
  const key = sk === undefined ? undefined : type.fromWire(sk);
  if (pk?.S === undefined || key === undefined || v?.S === undefined) {
    throw new StorageFault('damaged', `an item without pk, sk or v: ${JSON.stringify({ pk, sk, v })}`);
  }
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(rest)) attributes[name] = valueFromWire(value, name);
  const item = { pk: pk.S, sk: key, version: v.S, attributes };
  return x?.N === undefined ? item : { ...item, expiresAtSeconds: Number(x.N) };
}

function valueToWire(value: AttributeValue): Wire {
  if (value === null) return { NULL: true };
  if (value instanceof Uint8Array) return { B: value };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (isList(value)) return { L: value.map(valueToWire) };
  const members = Object.entries(value).map(([name, member]) => [name, valueToWire(member)]);
  return { M: Object.fromEntries(members) };
}

function valueFromWire(wire: Wire, name: string): AttributeValue {
  if (wire.B !== undefined) return wire.B;
  if (wire.S !== undefined) return wire.S;
  if (wire.N !== undefined) return Number(wire.N);
  if (wire.BOOL !== undefined) return wire.BOOL;
  if (wire.NULL !== undefined) return null;
  if (wire.L !== undefined) return wire.L.map((element) => valueFromWire(element, name));
  if (wire.M !== undefined) {
    const members = Object.entries(wire.M).map(([member, value]) => [member, valueFromWire(value, member)]);
    return Object.fromEntries(members);
  }
  throw new StorageFault('damaged', `attribute "${name}" has a type that is never written`);
}
