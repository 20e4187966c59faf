import type { Call } from './call.ts';
import type { Fence, Observation } from './observation.ts';

/**
 * The first storage port: items under a partition key and an ordered sort key, changed one at a time under a condition.
 * Two tables use it: **hot** (numeric sort key: chunks) and **catalog** (string sort key, ordered by UTF-8 bytes:
 * topics, segments and all other metadata). No operation touches two items, so there is no transaction to pay for.
 */
export type SortKey = number | string;

export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly AttributeValue[]
  | { readonly [name: string]: AttributeValue };

export interface Key<S extends SortKey> {
  readonly pk: string;
  readonly sk: S;
}

export interface Item<S extends SortKey> extends Key<S> {
  /**
   * ⚑ A fresh random value for every put (`Random.id`), never a counter: a counter suffers ABA across delete and
   * re-create. A retry of one put keeps its version, so that the answer "lost to this version" means "it was us".
   */
  readonly version: string;
  /** Seconds since 1970. Storage may delete the item some time after this, in any order, or never. */
  readonly expiresAtSeconds?: number;
  /** Any names but `pk`, `sk`, `v` and `x`. Undefined members are not allowed. */
  readonly attributes: { readonly [name: string]: AttributeValue };
}

export type Condition =
  /** The key must be free. */
  | { readonly kind: 'ifAbsent' }
  /** The item must be there with exactly this version; an absent item fails. */
  | { readonly kind: 'ifVersion'; readonly version: string };

export interface PutOptions {
  readonly condition: Condition;
  /** ⚑ Checked after the request is signed, on every attempt. */
  readonly fences?: readonly Fence[];
}

export type PutResult<S extends SortKey> =
  | { readonly stored: true; readonly observation: Observation }
  /**
   * `standing` is the item that stood in the way; absent if `ifVersion` met no item. `mayHaveHappened`: an earlier
   * attempt of this put was interrupted, so the item may have been stored and then replaced or deleted by somebody;
   * only what it carries (a token) can tell.
   */
  | {
      readonly stored: false;
      readonly standing: Item<S> | undefined;
      readonly observation: Observation;
      readonly mayHaveHappened?: true;
    };

export interface QueryRange<S extends SortKey> {
  /** Inclusive bounds on the sort key. */
  readonly from?: S;
  readonly to?: S;
  /** Exclusive: continue behind this sort key, in the direction of the query (the last one of the page before). */
  readonly after?: S;
  readonly reverse?: boolean;
  /** At most this many items; a page also ends at 1 MB. */
  readonly limit: number;
  /** false: eventually consistent, at half the price; any item may be stale or missing. */
  readonly consistent: boolean;
}

export interface Page<S extends SortKey> {
  readonly items: readonly Item<S>[];
  /** Whether storage has not looked at the whole range yet; the next page may still be empty. */
  readonly more: boolean;
  readonly observation: Observation;
}

/**
 * Every method makes one request and throws `StorageFault` when it fails; `retryingTable` adds the retries.
 * Items past their expiry are never hidden: only storage itself deletes them.
 */
export interface Table<S extends SortKey> {
  /**
   * Largest chunk in bytes that is cheaper inline than as an object with a pointer item: the adapter's own prices
   * decide (docs/adr/). DynamoDB: about 8 KiB.
   */
  readonly inlineBytesBreakEven: number;
  get(
    key: Key<S>,
    options: { readonly consistent: boolean },
    call: Call,
  ): Promise<{
    readonly item: Item<S> | undefined;
    readonly observation: Observation;
  }>;
  put(item: Item<S>, options: PutOptions, call: Call): Promise<PutResult<S>>;
  query(pk: string, range: QueryRange<S>, call: Call): Promise<Page<S>>;
  /**
   * Answers whether the item was there with that version and is gone now. A version never comes back, so it is gone
   * after `deleted: false` too; the answer only says who removed or replaced it. After an interrupted attempt that
   * cannot be known, and `retryingTable` answers true: never let a delete decide which of two callers has won.
   */
  delete(
    key: Key<S>,
    condition: { readonly ifVersion: string },
    call: Call,
  ): Promise<{ readonly deleted: boolean }>;
}
