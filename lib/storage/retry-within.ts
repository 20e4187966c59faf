import type { Call } from './call.ts';
import { StorageFault } from './fault.ts';
import type { Observation } from './observation.ts';
import { type RetryParts, repeat } from './retry.ts';
import type { Condition, Item, SortKey, Table } from './table.ts';
import type { StoreWithin, WithinAttempts, WithinResult } from './within.ts';

export interface RetryWithinParts<S extends SortKey> extends RetryParts {
  /** The table that the item goes to, as its adapter made it: one attempt per call. */
  readonly table: Pick<Table<S>, 'get'>;
}

/**
 * Retries around an adapter's attempts, by the same rules as `retryingTable`. ⚑ Once an attempt may have taken effect,
 * nothing is concluded without a consistent look at the item's key:
 * - our own version stands there: it was stored, whatever a later attempt was told;
 * - something else does: no attempt can be carried out any more, the item has lost its place;
 * - the place is as the condition wants it: an attempt may still be on its way, and the same item is sent again. If the
 *   other part refuses by then, `cancelled` would be a promise that this attempt could break: it is ruled out first.
 */
export function retryingWithin<S extends SortKey>(
  attempts: WithinAttempts<S>,
  parts: RetryWithinParts<S>,
): StoreWithin<S> {
  const { retryAtTail = true } = parts.rules ?? {};
  return async (item, options, call) => {
    const sending: Sending<S> = {
      item,
      condition: options.condition,
      call,
      parts,
      attempts,
      isOpen: false,
      refusal: undefined,
    };
    const send = (): Promise<WithinResult<S>> => attempts.store(item, options, call);
    const repetition = { ...parts, call, writes: true, retriesInterrupted: retryAtTail };
    return (await repeat(() => attempt(sending, send), repetition)).answer;
  };
}

interface Sending<S extends SortKey> {
  readonly item: Item<S>;
  readonly condition: Condition;
  readonly call: Call;
  readonly parts: RetryWithinParts<S>;
  readonly attempts: WithinAttempts<S>;
  /** Whether an attempt may have been carried out, or may still be. */
  isOpen: boolean;
  /** Set once the other part has refused while an attempt was open: from then on that attempt has to be ruled out. */
  refusal: Refusal | undefined;
}

type Refusal = WithinResult<never> & { readonly stored: 'cancelled' };

async function attempt<S extends SortKey>(
  sending: Sending<S>,
  send: () => Promise<WithinResult<S>>,
): Promise<WithinResult<S>> {
  if (sending.refusal !== undefined) return settle(sending, sending.refusal);
  const before = sending.isOpen ? verdict(sending, await look(sending)) : undefined;
  if (before !== undefined) return before;
  const result = await send().catch((fault: unknown) => {
    sending.isOpen ||= fault instanceof StorageFault && fault.mayHaveHappened;
    throw fault;
  });
  if (result.stored === true || !sending.isOpen) return result;
  if (result.stored === false) return verdict(sending, result) ?? result;
  sending.refusal = result;
  return settle(sending, result);
}

/** The other part refuses; what of the attempt that is still open? */
async function settle<S extends SortKey>(sending: Sending<S>, refusal: Refusal): Promise<WithinResult<S>> {
  const { item, condition, call, attempts } = sending;
  const found = await attempts.ruleOut(item, condition, call);
  if (found.kind === 'ruled out') return refusal;
  const after = verdict(sending, found.kind === 'standing' ? found : await look(sending));
  if (after !== undefined) return after;
  const message = 'the other part refuses, but an earlier attempt may still be on its way';
  throw new StorageFault('interrupted', message, { cause: refusal.cause });
}

interface Seen<S extends SortKey> {
  readonly standing: Item<S> | undefined;
  readonly observation: Observation;
}

async function look<S extends SortKey>({ item, call, parts }: Sending<S>): Promise<Seen<S>> {
  const { item: standing, observation } = await parts.table.get(item, { consistent: true }, call);
  return { standing, observation };
}

/** Undefined: the place is as the condition wants it. */
function verdict<S extends SortKey>(
  { item, condition, parts }: Sending<S>,
  { standing, observation }: Seen<S>,
): WithinResult<S> | undefined {
  const ownVersionWins = parts.rules?.tokenCheck ?? true;
  if (ownVersionWins && standing?.version === item.version) return { stored: true, observation };
  const isFree =
    condition.kind === 'ifAbsent' ? standing === undefined : standing?.version === condition.version;
  return isFree ? undefined : { stored: false, standing, observation, mayHaveHappened: true };
}
