import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../storage/clock.ts';
import type { Table } from '../../storage/table.ts';
import { type ConnectionOptions, connectionConfig } from '../aws/connection.ts';
import { NUMBER_KEY, STRING_KEY } from './item.ts';
import { dynamoTable } from './table.ts';

export interface DynamoTablesOptions {
  /** From `dynamoClient`: the adapter relies on its settings. */
  readonly client: DynamoDBClient;
  readonly hotTable: string;
  readonly catalogTable: string;
  readonly clock: Clock;
  /** How long one attempt may take. Default 1,000 for a write, 2,000 for a read. */
  readonly writeMsMax?: number;
  readonly readMsMax?: number;
}

/**
 * The two tables of a deployment. Both have a partition key `pk` (S) and a sort key `sk`: N in the hot table, S in the
 * catalog; both name `x` as their time-to-live attribute.
 */
export function dynamoTables(options: DynamoTablesOptions): {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
} {
  const { client, clock, hotTable, catalogTable, writeMsMax = 1_000, readMsMax = 2_000 } = options;
  const shared = { client, clock, writeMsMax, readMsMax };
  return {
    hot: dynamoTable({ ...shared, tableName: hotTable, sortKey: NUMBER_KEY }),
    catalog: dynamoTable({ ...shared, tableName: catalogTable, sortKey: STRING_KEY }),
  };
}

/** A client with the settings that the adapter relies on: no retries of its own, clock correction, kept connections. */
export function dynamoClient(options: ConnectionOptions): DynamoDBClient {
  return new DynamoDBClient(connectionConfig(options));
}
