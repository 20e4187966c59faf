import type { DynamoTransactions } from '../adapters/dynamodb/index.ts';
import type { RetryParts } from '../storage/retry.ts';
import { retryingWithin } from '../storage/retry-within.ts';
import type { Table } from '../storage/table.ts';

/** Tables as their adapters made them: one attempt per call. */
export interface TransactionParts extends RetryParts {
  readonly hot: Pick<Table<number>, 'get'>;
  readonly catalog: Pick<Table<string>, 'get'>;
}

/** Puts the retries around an adapter's transactions. */
export function retryingTransactions(
  transactions: DynamoTransactions,
  parts: TransactionParts,
): DynamoTransactions {
  return {
    hot: (items) => retryingWithin(transactions.hot(items), { ...parts, table: parts.hot }),
    catalog: (items) => retryingWithin(transactions.catalog(items), { ...parts, table: parts.catalog }),
  };
}
