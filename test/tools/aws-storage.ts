import { CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { dynamoClient, dynamoTables } from '../../lib/adapters/dynamodb/index.ts';
import { s3Bucket, s3Client } from '../../lib/adapters/s3/index.ts';
import { systemClock, systemRandom } from '../../lib/adapters/system/index.ts';
import type { Bucket } from '../../lib/storage/bucket.ts';
import type { Table } from '../../lib/storage/table.ts';

/** How an emulator is reached: its root key, one region. */
export function emulatorConnection(endpoint: string): {
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
} {
  return { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
}

export interface EmulatedTables {
  readonly client: DynamoDBClient;
  readonly hotTable: string;
  readonly catalogTable: string;
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  close(): void;
}

/** Creates a hot and a catalog table under new names, as the stack does, and opens them. */
export async function createTables(endpoint: string): Promise<EmulatedTables> {
  const client = dynamoClient(emulatorConnection(endpoint));
  const id = systemRandom().id();
  const names = { hotTable: `hot-${id}`, catalogTable: `catalog-${id}` };
  for (const [TableName, sortKeyType] of [
    [names.hotTable, 'N'],
    [names.catalogTable, 'S'],
  ] as const) {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: sortKeyType },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
  }
  // Emulators pause now and then on a busy machine; a time-out there would fail claims that allow no retry.
  const patience = { writeMsMax: 20_000, readMsMax: 20_000 };
  const tables = dynamoTables({ client, ...names, ...patience, clock: systemClock() });
  return { client, ...names, ...tables, close: () => client.destroy() };
}

export interface EmulatedBucket {
  readonly client: S3Client;
  readonly name: string;
  readonly bucket: Bucket;
  close(): void;
}

/** Creates a bucket under a new name and opens it. */
export async function createBucket(endpoint: string): Promise<EmulatedBucket> {
  const client = s3Client(emulatorConnection(endpoint));
  const name = `millrace-${systemRandom()
    .id()
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '0')}`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  const bucket = s3Bucket({ client, bucket: name, clock: systemClock(), attemptMsMax: 20_000 });
  return { client, name, bucket, close: () => client.destroy() };
}
