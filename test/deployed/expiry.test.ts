import { setTimeout as sleep } from 'node:timers/promises';
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { deployed, ROOT } from './support/deployed.ts';

const { stack, sdkConfig } = deployed();
const dynamo = new DynamoDBClient({ ...sdkConfig, credentials: ROOT });

/** The emulator looks for expired items twice a minute or so; AWS takes days at worst. */
const GONE_MS_MAX = 120_000;

describe('expiry', () => {
  // The emulator's CloudFormation leaves expiry off; that the template switches it on is a claim of the unit tests.
  it.each([
    ['HotTableName', { pk: { S: 'expiry:0' }, sk: { N: '0' } }],
    ['CatalogTableName', { pk: { S: 'expiry' }, sk: { S: 'expiry' } }],
  ] as const)('%s: an item is deleted after its x, and one without stays', async (output, key) => {
    const TableName = stack.outputs[output] ?? '';
    await dynamo.send(
      new UpdateTimeToLiveCommand({
        TableName,
        TimeToLiveSpecification: { AttributeName: 'x', Enabled: true },
      }),
    );
    const lasting = { ...key, pk: { S: 'expiry-lasting' } };
    const past = String(Math.floor(Date.now() / 1000) - 60);
    await dynamo.send(new PutItemCommand({ TableName, Item: { ...key, x: { N: past } } }));
    await dynamo.send(new PutItemCommand({ TableName, Item: lasting }));

    const isThere = async (Key: typeof key | typeof lasting): Promise<boolean> =>
      (await dynamo.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))).Item !== undefined;
    const deadlineMs = performance.now() + GONE_MS_MAX;
    while ((await isThere(key)) && performance.now() < deadlineMs) await sleep(1_000);
    expect(await isThere(key)).toBe(false);
    expect(await isThere(lasting)).toBe(true);
  });
});
