import {
  type DynamoDBClient,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { checkItem } from '../../storage/check-item.ts';
import type { Clock } from '../../storage/clock.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Condition, Item, SortKey } from '../../storage/table.ts';
import { itemBytes, transactedPutUsage } from '../../storage/units.ts';
import type { StoreWithin, WithinAttempts } from '../../storage/within.ts';
import { attempt } from '../aws/attempt.ts';
import { type CancelAnswer, cancelAnswer } from './cancel-answer.ts';
import { conditionInput } from './condition.ts';
import { FAULT_RULES } from './fault-rules.ts';
import { itemFromWire, itemToWire, NUMBER_KEY, STRING_KEY } from './item.ts';
import { ownItems } from './own-items.ts';
import { ruleOut } from './rule-out.ts';
import type { Transaction } from './transaction.ts';

export interface DynamoTransactionsOptions {
  /** From `dynamoClient`: the adapter relies on its settings. */
  readonly client: DynamoDBClient;
  readonly hotTable: string;
  readonly catalogTable: string;
  readonly clock: Clock;
  /** How long one attempt may take. Default 2,000: a transaction visits each of its items twice. */
  readonly transactionMsMax?: number;
}

/**
 * Ways to store an item of ours together with a caller's items, which may lie in any tables of the same account and
 * region. Throws INVALID_REQUEST at once for items that no transaction takes.
 */
export interface DynamoTransactions {
  hot(items: readonly TransactWriteItem[]): StoreWithin<number>;
  catalog(items: readonly TransactWriteItem[]): StoreWithin<string>;
}

/** The same without retries. */
export interface DynamoAttempts {
  hot(items: readonly TransactWriteItem[]): WithinAttempts<number>;
  catalog(items: readonly TransactWriteItem[]): WithinAttempts<string>;
}

export function dynamoTransactions(options: DynamoTransactionsOptions): DynamoAttempts {
  const { client, clock, hotTable, catalogTable, transactionMsMax = 2_000 } = options;
  const logTables = [hotTable, catalogTable];
  const shared = { client, clock, transactionMsMax };
  return {
    hot: (items) => {
      const own = ownItems(items, logTables);
      return attemptsOf({ ...shared, tableName: hotTable, sortKey: NUMBER_KEY, items: own });
    },
    catalog: (items) => {
      const own = ownItems(items, logTables);
      return attemptsOf({ ...shared, tableName: catalogTable, sortKey: STRING_KEY, items: own });
    },
  };
}

function attemptsOf<S extends SortKey>(transaction: Transaction<S>): WithinAttempts<S> {
  return { store: storeWithin(transaction), ruleOut: (...args) => ruleOut(transaction, ...args) };
}

type Answer = { readonly kind: 'stored' } | CancelAnswer;

/**
 * One `TransactWriteItems` with our item first; every call is one request. The meter is charged for our item, at double
 * units; what the caller's items take is not in it.
 */
function storeWithin<S extends SortKey>(transaction: Transaction<S>): StoreWithin<S> {
  const { client, clock, tableName, sortKey } = transaction;
  return async (item, { condition, fences = [] }, call) => {
    const bytes = checkItem(item);
    const what = `transaction with ${item.pk}/${item.sk} in ${tableName}`;
    const command = commandOf(transaction, item, condition);
    const { output, observation } = await attempt<Answer>(
      command,
      async (how) => {
        await client.send(command, how);
        return { kind: 'stored' };
      },
      {
        clock,
        call,
        attemptMsMax: transaction.transactionMsMax,
        write: true,
        fences,
        usageIfLost: transactedPutUsage({ stored: true, itemBytes: bytes, standingBytes: 0 }),
        rules: FAULT_RULES,
        what,
        answerOf: cancelAnswer,
      },
    );
    const before = output.kind === 'lost' ? output.before : undefined;
    const standing = before && itemFromWire(before, sortKey);
    const stored = output.kind === 'stored';
    const standingBytes = standing === undefined ? 0 : itemBytes(standing);
    call.meter.add(transactedPutUsage({ stored, itemBytes: bytes, standingBytes }));
    switch (output.kind) {
      case 'stored':
        return { stored: true, observation };
      case 'cancelled':
        return { stored: 'cancelled', cause: output.cause, observation };
      case 'refused':
        throw new StorageFault('refused', `${what}: ${output.why}`);
      case 'lost':
        if (standing === undefined && condition.kind === 'ifAbsent') {
          throw new StorageFault('refused', `${what}: lost, but not told to what`);
        }
        return { stored: false, standing, observation };
    }
  };
}

function commandOf<S extends SortKey>(
  { tableName: TableName, sortKey, items }: Transaction<S>,
  item: Item<S>,
  condition: Condition,
): TransactWriteItemsCommand {
  const Put = {
    TableName,
    Item: itemToWire(item, sortKey),
    ...conditionInput(condition),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
  };
  return new TransactWriteItemsCommand({
    TransactItems: [{ Put }, ...items],
    // Sent again within ten minutes, it answers what the first of them did, even if our item was replaced meanwhile.
    ClientRequestToken: item.version,
  });
}
