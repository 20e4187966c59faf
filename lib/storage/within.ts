import type { Call } from './call.ts';
import type { Observation } from './observation.ts';
import type { Condition, Item, PutOptions, PutResult, SortKey } from './table.ts';

/** What became of an item that was to be stored together with something else. */
export type WithinResult<S extends SortKey> =
  | PutResult<S>
  /** The other part refused, so nothing at all was stored, by this or by any earlier attempt. `cause` is the other part's own error. */
  | { readonly stored: 'cancelled'; readonly cause: unknown; readonly observation: Observation };

/**
 * Stores one item as a part of something larger that happens as a whole or not at all, such as a DynamoDB transaction
 * of the caller's. Same condition, fences and faults as `Table.put`; every call is one attempt unless it is wrapped.
 */
export type StoreWithin<S extends SortKey> = (
  item: Item<S>,
  options: PutOptions,
  call: Call,
) => Promise<WithinResult<S>>;

/** What is known of an item of which an attempt may still be on its way. */
export type RuledOut<S extends SortKey> =
  /** No attempt has been carried out, and none will be. */
  | { readonly kind: 'ruled out' }
  /** The condition does not hold: this stands there. */
  | { readonly kind: 'standing'; readonly standing: Item<S> | undefined; readonly observation: Observation }
  /** Neither can be said. */
  | { readonly kind: 'open' };

/** What an adapter does: each call is one request. `retryingWithin` makes a `StoreWithin` of it. */
export interface WithinAttempts<S extends SortKey> {
  readonly store: StoreWithin<S>;
  /** Makes sure that no earlier attempt with the item's version is carried out from now on, unless one has been. */
  ruleOut(item: Item<S>, condition: Condition, call: Call): Promise<RuledOut<S>>;
}
