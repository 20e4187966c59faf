import type { DynamoAttempts, DynamoTransactions } from '../adapters/dynamodb/index.ts';
import { MillraceError } from '../errors.ts';
import { type RetryParts, retryingTable } from '../storage/retry.ts';
import { retryingWithin } from '../storage/retry-within.ts';
import type { Table } from '../storage/table.ts';

/** Tables as their adapters made them: one attempt per call. */
export interface TransactionParts extends RetryParts {
  readonly hot: Pick<Table<number>, 'get'>;
  readonly catalog: Table<string>;
}

/** Puts the retries around an adapter's attempts. `catalog` also takes no items at all: an ordinary put. */
export function retryingTransactions(attempts: DynamoAttempts, parts: TransactionParts): DynamoTransactions {
  const plain = retryingTable(parts.catalog, parts);
  return {
    hot: (items) => retryingWithin(attempts.hot(items), { ...parts, table: parts.hot }),
    catalog: (items) =>
      items.length === 0
        ? plain.put
        : retryingWithin(attempts.catalog(items), { ...parts, table: parts.catalog }),
  };
}

/** INVALID_REQUEST where the log is not kept in DynamoDB. */
export function transactionsOf(
  { transactions }: { readonly transactions?: DynamoTransactions },
  who: string,
): DynamoTransactions {
  if (transactions !== undefined) return transactions;
  throw new MillraceError('INVALID_REQUEST', `${who} needs a log that is kept in DynamoDB`);
}
