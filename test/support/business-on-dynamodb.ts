import {
  CreateTableCommand,
  type DynamoDBClient,
  ScanCommand,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { systemRandom } from '../../lib/adapters/system/index.ts';

/** A table of a user's own, beside the log: partition key `id`, a string. */
export interface Business {
  readonly table: string;
  /** Every `id` with its `n`, how often it was counted; 0 for what was put. */
  counts(): Promise<ReadonlyMap<string, number>>;
}

export async function createBusiness(client: DynamoDBClient): Promise<Business> {
  const table = `business-${systemRandom().id()}`;
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  return {
    table,
    counts: async () => {
      const { Items = [] } = await client.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
      return new Map(Items.map(({ id, n }) => [id?.S ?? '', Number(n?.N ?? 0)]));
    },
  };
}

/** Stored once: its condition refuses a second time. */
export function putNew(TableName: string, id: string): TransactWriteItem {
  return { Put: { TableName, Item: { id: { S: id } }, ConditionExpression: 'attribute_not_exists(id)' } };
}

/** Counts how often it was applied. */
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
