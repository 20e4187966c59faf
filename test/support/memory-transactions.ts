import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { type DynamoAttempts, TransactionCancelledError } from '../../lib/adapters/dynamodb/index.ts';
import type { Clock } from '../../lib/storage/clock.ts';
import { observeNow } from '../../lib/storage/observation.ts';
import type { SortKey, Table } from '../../lib/storage/table.ts';
import type { StoreWithin, WithinAttempts } from '../../lib/storage/within.ts';

/** What a caller keeps beside the log: `table/id` to a number that `ADD` counts. */
export type Business = Map<string, number>;

/**
 * Transactions of tables in memory, as far as tests need them: a `Put` under the condition that its `id` is free, and an
 * `Update` that adds 1. One attempt each, as the adapter's.
 */
export function memoryTransactions(options: {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly clock: Clock;
  readonly business: Business;
}): DynamoAttempts {
  const { hot, catalog, clock, business } = options;
  let last: Promise<unknown> = Promise.resolve();
  /** One transaction after the other. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };

  const within = <S extends SortKey>(
    table: Table<S>,
    items: readonly TransactWriteItem[],
  ): WithinAttempts<S> => {
    const store = transact(table, items, { business, clock });
    return {
      store: (...args) => inTurn(() => store(...args)),
      // Nothing is ever on its way here.
      ruleOut: async () => ({ kind: 'ruled out' }),
    };
  };
  return { hot: (items) => within(hot, items), catalog: (items) => within(catalog, items) };
}

function transact<S extends SortKey>(
  table: Table<S>,
  items: readonly TransactWriteItem[],
  { business, clock }: { readonly business: Business; readonly clock: Clock },
): StoreWithin<S> {
  return async (item, put, call) => {
    const cause = refusalOf(items, business);
    if (cause !== undefined) {
      const { item: standing } = await table.get(item, { consistent: true }, call);
      const observation = observeNow(clock);
      const isTaken = standing !== undefined && put.condition.kind === 'ifAbsent';
      return isTaken ? { stored: false, standing, observation } : { stored: 'cancelled', cause, observation };
    }
    const result = await table.put(item, put, call);
    if (result.stored) for (const id of items.map(idOf)) business.set(id, (business.get(id) ?? 0) + 1);
    return result;
  };
}

function refusalOf(
  items: readonly TransactWriteItem[],
  business: Business,
): TransactionCancelledError | undefined {
  const reasons = items.map((item) =>
    item.Put !== undefined && business.has(idOf(item))
      ? { code: 'ConditionalCheckFailed', message: 'The conditional request failed' }
      : undefined,
  );
  return reasons.some((reason) => reason !== undefined) ? new TransactionCancelledError(reasons) : undefined;
}

function idOf({ Put, Update }: TransactWriteItem): string {
  const id = Put?.Item?.id?.S ?? Update?.Key?.id?.S;
  return `${Put?.TableName ?? Update?.TableName}/${id}`;
}

export function putNew(TableName: string, id: string): TransactWriteItem {
  return { Put: { TableName, Item: { id: { S: id } }, ConditionExpression: 'attribute_not_exists(id)' } };
}

export function addOne(TableName: string, id: string): TransactWriteItem {
  return {
    Update: {
      TableName,
      Key: { id: { S: id } },
      UpdateExpression: 'ADD n :one',
      ExpressionAttributeValues: { ':one': { N: '1' } },
    },
  };
}
