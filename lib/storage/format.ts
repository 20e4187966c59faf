import { StorageFault } from './fault.ts';
import type { AttributeValue, Item, SortKey } from './table.ts';

/** Every stored item carries its kind's format number as `f`; code that meets a newer one refuses it by name. */
export const ITEM_FORMAT = 1;

/** Of chunks and segments of a log that has records of other regions: who does not know them must not write behind them. */
export const MERGED_FORMAT = 2;

/** Reads one item's attributes with their types checked; anything unexpected is damage, told with the item's key. */
export class ItemReader<S extends SortKey> {
  readonly #item: Item<S>;
  readonly #kind: string;

  constructor(kind: string, item: Item<S>, formatMax: number = ITEM_FORMAT) {
    this.#item = item;
    this.#kind = kind;
    const format = this.number('f');
    if (format > formatMax) {
      throw new StorageFault(
        'refused',
        `${this.#name()} has format ${format}; this version reads up to ${formatMax}: upgrade Millrace`,
      );
    }
  }

  has(name: string): boolean {
    return this.#item.attributes[name] !== undefined;
  }

  number(name: string): number {
    const value = this.#item.attributes[name];
    return typeof value === 'number' ? value : this.#damaged(name, 'a number');
  }

  string(name: string): string {
    const value = this.#item.attributes[name];
    return typeof value === 'string' ? value : this.#damaged(name, 'a string');
  }

  bytes(name: string): Uint8Array {
    const value = this.#item.attributes[name];
    return value instanceof Uint8Array ? value : this.#damaged(name, 'bytes');
  }

  list(name: string): readonly AttributeValue[] {
    const value = this.#item.attributes[name];
    return Array.isArray(value) ? value : this.#damaged(name, 'a list');
  }

  strings(name: string): Readonly<Record<string, string>> {
    const value = this.#item.attributes[name];
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return this.#damaged(name, 'a map');
    const entries = Object.entries(value);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
      ? Object.fromEntries(entries)
      : this.#damaged(name, 'a map of strings');
  }

  #name(): string {
    return `${this.#kind} item ${this.#item.pk} / ${this.#item.sk}`;
  }

  #damaged(attribute: string, expected: string): never {
    throw new StorageFault('damaged', `${this.#name()}: attribute '${attribute}' is not ${expected}`);
  }
}
