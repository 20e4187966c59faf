import type { AttributeValue, Item, SortKey } from '../../lib/storage/table.ts';

/** Storage and processes share no memory: whatever crosses the network is a copy. */
export function copyItem<S extends SortKey>(item: Item<S>): Item<S> {
  return {
    pk: item.pk,
    sk: item.sk,
    version: item.version,
    ...(item.expiresAtSeconds === undefined ? {} : { expiresAtSeconds: item.expiresAtSeconds }),
    attributes: copyAttributes(item.attributes),
  };
}

function copyAttributes(attributes: Item<SortKey>['attributes']): Record<string, AttributeValue> {
  const copy: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(attributes)) copy[name] = copyValue(value);
  return copy;
}

function copyValue(value: AttributeValue): AttributeValue {
  if (value === undefined) throw new TypeError('an attribute is undefined');
  if (value instanceof Uint8Array) return value.slice();
  if (Array.isArray(value)) return value.map(copyValue);
  if (typeof value === 'object' && value !== null)
    return copyAttributes(value as Item<SortKey>['attributes']);
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`an attribute is ${value}`);
  return value;
}
