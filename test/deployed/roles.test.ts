import {
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { pushId } from '../../infra/constructs/push-to-function.ts';
import { type Deployed, deployed, PUSHED } from './support/deployed.ts';

/** Every operation that a function could try, by the name that the expectations use. */
type Operation = (clients: Clients) => Promise<unknown>;
interface Clients {
  readonly dynamo: DynamoDBClient;
  readonly s3: S3Client;
}

const { aws, stack, sdkConfig }: Deployed = deployed();
const { HotTableName: hot = '', CatalogTableName: catalog = '', BucketName: bucket = '' } = stack.outputs;

const hotKey = { pk: { S: 'probe:0' }, sk: { N: '0' } };
const catalogKey = { pk: { S: 'attempt#probe' }, sk: { S: 'probe' } };

const onTable = (
  name: string,
  table: string,
  key: typeof hotKey | typeof catalogKey,
): [string, Operation][] => [
  [`${name} get`, ({ dynamo }) => dynamo.send(new GetItemCommand({ TableName: table, Key: key }))],
  [`${name} put`, ({ dynamo }) => dynamo.send(new PutItemCommand({ TableName: table, Item: key }))],
  [`${name} delete`, ({ dynamo }) => dynamo.send(new DeleteItemCommand({ TableName: table, Key: key }))],
  [
    `${name} update`,
    ({ dynamo }) =>
      dynamo.send(
        new UpdateItemCommand({
          TableName: table,
          Key: key,
          UpdateExpression: 'SET a = :a',
          ExpressionAttributeValues: { ':a': { S: 'a' } },
        }),
      ),
  ],
  [
    `${name} query`,
    ({ dynamo }) =>
      dynamo.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': key.pk },
        }),
      ),
  ],
  [`${name} scan`, ({ dynamo }) => dynamo.send(new ScanCommand({ TableName: table }))],
];

const onObjects = (folder: string): [string, Operation][] => {
  const object = { Bucket: bucket, Key: `${folder}/probe` };
  return [
    [`${folder}/ get`, ({ s3 }) => s3.send(new GetObjectCommand(object))],
    [`${folder}/ put`, ({ s3 }) => s3.send(new PutObjectCommand({ ...object, Body: 'probe' }))],
    [`${folder}/ delete`, ({ s3 }) => s3.send(new DeleteObjectCommand(object))],
  ];
};

const OPERATIONS = new Map<string, Operation>([
  ...onTable('hot', hot, hotKey),
  ...onTable('catalog', catalog, catalogKey),
  ...onObjects('spill'),
  ...onObjects('segments'),
  ...onObjects('producers'),
  ...onObjects('sweep'),
  ...onObjects('other'),
  ['bucket list', ({ s3 }) => s3.send(new ListObjectsV2Command({ Bucket: bucket }))],
]);

/** What each role may do; everything else in the list above is refused. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  Produce: [
    ...['hot get', 'hot put', 'hot query', 'catalog get', 'catalog put', 'catalog query'],
    ...['spill/ get', 'spill/ put', 'producers/ get', 'producers/ put'],
  ],
  Fetch: [
    ...['hot get', 'hot query', 'catalog get', 'catalog query'],
    ...['spill/ get', 'segments/ get', 'bucket list'],
  ],
  // As with the sweeper below, which of the catalog's items it may write the emulator does not know.
  Groups: [
    ...['hot get', 'hot query', 'catalog delete', 'catalog get', 'catalog put', 'catalog query'],
    ...['spill/ get', 'segments/ get', 'bucket list'],
  ],
  Admin: [
    ...['hot delete', 'hot get', 'hot put', 'hot query'],
    ...['catalog delete', 'catalog get', 'catalog put', 'catalog query'],
    ...['spill/ delete', 'spill/ get', 'spill/ put'],
    ...['segments/ delete', 'segments/ get', 'segments/ put'],
    ...['producers/ delete', 'producers/ get', 'producers/ put'],
    ...['sweep/ delete', 'sweep/ get', 'sweep/ put', 'bucket list'],
  ],
  Planner: ['hot query', 'catalog query'],
  Worker: [
    ...['hot put', 'hot query', 'catalog delete', 'catalog get', 'catalog put', 'catalog query'],
    ...['spill/ get', 'segments/ get', 'segments/ put', 'producers/ get', 'producers/ put', 'bucket list'],
  ],
  // The emulator knows no leading keys, so that the sweeper may put any item of the catalog here.
  Sweeper: [
    ...['hot delete', 'hot put', 'hot query'],
    ...['catalog delete', 'catalog get', 'catalog put', 'catalog query'],
    ...['spill/ delete', 'segments/ delete', 'producers/ delete', 'bucket list'],
    ...['sweep/ delete', 'sweep/ get', 'sweep/ put'],
  ],
  [pushId(PUSHED.group)]: [
    ...['hot get', 'hot query', 'catalog delete', 'catalog get', 'catalog put', 'catalog query'],
    ...['spill/ get', 'segments/ get', 'bucket list'],
  ],
};

describe.each(Object.keys(ALLOWED))('the role of the %s function', (name) => {
  let clients: Clients;
  beforeAll(async () => {
    const roleArn = await aws.roleArnOf(stack.outputs[`${name}FunctionName`] ?? '');
    const credentials = await aws.assume(roleArn);
    clients = {
      dynamo: new DynamoDBClient({ ...sdkConfig, credentials }),
      s3: new S3Client({ ...sdkConfig, credentials }),
    };
  });

  const allowed = ALLOWED[name] ?? [];
  it.each(allowed)('may: %s', async (operation) => {
    expect(await outcome(operation, clients)).not.toBe('denied');
  });

  it.each([...OPERATIONS.keys()].filter((operation) => !allowed.includes(operation)))(
    'may not: %s',
    async (operation) => {
      expect(await outcome(operation, clients)).toBe('denied');
    },
  );
});

/** An object that is not there is no denial. */
async function outcome(operation: string, clients: Clients): Promise<'done' | 'denied' | string> {
  try {
    await OPERATIONS.get(operation)?.(clients);
    return 'done';
  } catch (error) {
    const { name } = error as Error;
    return name === 'AccessDeniedException' || name === 'AccessDenied' ? 'denied' : name;
  }
}
