import { randomUUID } from 'node:crypto';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { openMillrace } from '../../lib/index.ts';
import { PARTITION_COUNT, type Scene, TOPIC } from './scene.ts';

/** Creates the log's tables and the shop's, under new names, and the topic. Nothing of it needs the bucket. */
export async function setUp(endpoint: string): Promise<Scene> {
  const connection = {
    region: 'us-east-1',
    endpoint,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
  const run = randomUUID().slice(0, 8);
  const name = (table: string): string => `example-${run}-${table}`;
  const scene: Scene = {
    aws: { ...connection, hotTable: name('hot'), catalogTable: name('catalog'), bucket: name('bucket') },
    ordersTable: name('orders'),
    stockTable: name('stock'),
    totalsTable: name('totals'),
  };
  const client = new DynamoDBClient(connection);
  try {
    await createTable(client, scene.aws.hotTable, [
      ['pk', 'S'],
      ['sk', 'N'],
    ]);
    await createTable(client, scene.aws.catalogTable, [
      ['pk', 'S'],
      ['sk', 'S'],
    ]);
    for (const table of [scene.ordersTable, scene.stockTable, scene.totalsTable]) {
      await createTable(client, table, [['id', 'S']]);
    }
  } finally {
    client.destroy();
  }
  const millrace = await openMillrace({ aws: scene.aws });
  await millrace.admin.createTopic({ name: TOPIC, partitionCount: PARTITION_COUNT });
  await millrace.close();
  return scene;
}

async function createTable(
  client: DynamoDBClient,
  TableName: string,
  keys: readonly (readonly [string, 'S' | 'N'])[],
): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      KeySchema: keys.map(([AttributeName], index) => ({
        AttributeName,
        KeyType: index === 0 ? 'HASH' : 'RANGE',
      })),
    }),
  );
}
