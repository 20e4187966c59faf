import { StorageFault } from '../../lib/storage/fault.ts';
import type { Condition, Item, SortKey } from '../../lib/storage/table.ts';
import type { RuledOut, WithinAttempts } from '../../lib/storage/within.ts';
import { copyItem } from './copy.ts';
import { MINUTE_MS } from './durations.ts';
import { exchange, type Link } from './network.ts';
import type { Scheduler } from './scheduler.ts';
import type { TableServer } from './table-server.ts';

/** What a client stores together with an item of the log, or not at all. */
export interface ClientPart {
  /** Whether its own conditions fail, at the moment of the transaction. */
  refuses(atMs: number): boolean;
  apply(atMs: number): void;
}

/** The client's own error. */
export class PartRefused extends Error {
  override readonly name = 'PartRefused';
}

/**
 * How long a request token counts. DynamoDB says ten minutes, and what is on its way over a closed connection does not
 * take that long; here requests may be later than that, so tokens live longer.
 */
const TOKEN_MS = 30 * MINUTE_MS;

type Stored<S extends SortKey> =
  | { readonly kind: 'stored' }
  | { readonly kind: 'lost'; readonly standing: Item<S> | undefined }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'mismatch' };

/** Transactions of one table, as storage carries them out: at once and as a whole. */
export interface TransactionServer<S extends SortKey> {
  store(item: Item<S>, condition: Condition, part: ClientPart, by: string): Stored<S>;
  /** Uses the item's token up, if the condition holds and it has not been used. */
  ruleOut(item: Item<S>, condition: Condition): Stored<S>;
}

export function createTransactionServer<S extends SortKey>(
  scheduler: Scheduler,
  table: TableServer<S>,
): TransactionServer<S> {
  const tokens = new Map<string, { readonly use: 'store' | 'check'; readonly atMs: number }>();
  const usedFor = (token: string): 'store' | 'check' | undefined => {
    const used = tokens.get(token);
    return used !== undefined && scheduler.nowMs - used.atMs < TOKEN_MS ? used.use : undefined;
  };
  const use = (token: string, what: 'store' | 'check'): void => {
    tokens.set(token, { use: what, atMs: scheduler.nowMs });
  };
  return {
    store: (item, condition, part, by) => {
      const used = usedFor(item.version);
      if (used !== undefined) return { kind: used === 'store' ? 'stored' : 'mismatch' };
      const standing = table.get(item, { consistent: true });
      if (!holds(condition, standing)) return { kind: 'lost', standing };
      if (part.refuses(scheduler.nowMs)) return { kind: 'cancelled' };
      table.put(item, condition, by);
      part.apply(scheduler.nowMs);
      use(item.version, 'store');
      return { kind: 'stored' };
    },
    ruleOut: (item, condition) => {
      if (usedFor(item.version) !== undefined) return { kind: 'mismatch' };
      const standing = table.get(item, { consistent: true });
      if (!holds(condition, standing)) return { kind: 'lost', standing };
      use(item.version, 'check');
      return { kind: 'stored' };
    },
  };
}

function holds<S extends SortKey>(condition: Condition, standing: Item<S> | undefined): boolean {
  return condition.kind === 'ifAbsent' ? standing === undefined : standing?.version === condition.version;
}

/** The port of one process: each call is one request over the faulty network. */
export function transactionPort<S extends SortKey>(
  link: Link,
  server: TransactionServer<S>,
  part: ClientPart,
): WithinAttempts<S> {
  const by = link.process.name;
  return {
    store: async (item, { condition, fences = [] }, call) => {
      const name = `transaction ${item.pk} ${item.sk} ${item.version}`;
      const { value, observation } = await exchange(link, {
        name,
        write: true,
        fences,
        call,
        prepare: () => {
          const sent = copyItem(item);
          return () => server.store(sent, condition, part, by);
        },
      });
      switch (value.kind) {
        case 'stored':
          return { stored: true, observation };
        case 'lost':
          return { stored: false, standing: value.standing, observation };
        case 'cancelled':
          return { stored: 'cancelled', cause: new PartRefused('the other part refused'), observation };
        case 'mismatch':
          throw new StorageFault('refused', `${name}: its token was used otherwise`);
      }
    },
    ruleOut: async (item, condition, call): Promise<RuledOut<S>> => {
      const { value, observation } = await exchange(link, {
        name: `rule out ${item.pk} ${item.sk} ${item.version}`,
        write: true,
        fences: [],
        call,
        prepare: () => () => server.ruleOut(item, condition),
      });
      if (value.kind === 'lost') return { kind: 'standing', standing: value.standing, observation };
      return { kind: value.kind === 'stored' ? 'ruled out' : 'open' };
    },
  };
}
