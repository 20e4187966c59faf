import type { DynamoDBClient, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../storage/clock.ts';
import type { SortKey } from '../../storage/table.ts';
import type { SortKeyType } from './item.ts';

/** A caller's items, and the table that an item of ours goes to with them. */
export interface Transaction<S extends SortKey> {
  readonly client: DynamoDBClient;
  readonly clock: Clock;
  readonly transactionMsMax: number;
  readonly tableName: string;
  readonly sortKey: SortKeyType<S>;
  readonly items: readonly TransactWriteItem[];
}
