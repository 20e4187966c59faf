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

/** The emulator looks for expired items about once a minute; AWS takes days at worst. */
const GONE_MS_MAX = 150_000;

const TABLES = [
  [stack.outputs.HotTableName ?? '', { N: '0' }],
  [stack.outputs.CatalogTableName ?? '', { S: 'expiry' }],
] as const;

describe('expiry', () => {
  // The emulator's CloudFormation leaves expiry off; that the template switches it on is a claim of the unit tests.
  it('deletes an item after its x, and leaves one without', async () => {
    for (const [TableName] of TABLES) {
      const TimeToLiveSpecification = { AttributeName: 'x', Enabled: true };
      await dynamo.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
    }
    await Promise.all(
      TABLES.map(async ([TableName, sk]) => {
        const expired = { pk: { S: 'expiry' }, sk };
        const lasting = { pk: { S: 'expiry-lasting' }, sk };
        const past = String(Math.floor(Date.now() / 1000) - 60);
        await dynamo.send(new PutItemCommand({ TableName, Item: { ...expired, x: { N: past } } }));
        await dynamo.send(new PutItemCommand({ TableName, Item: lasting }));

        const isThere = async (Key: typeof expired): Promise<boolean> =>
          (await dynamo.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))).Item !==
          undefined;
        const deadlineMs = performance.now() + GONE_MS_MAX;
        while ((await isThere(expired)) && performance.now() < deadlineMs) await sleep(1_000);
        expect(await isThere(expired)).toBe(false);
        expect(await isThere(lasting)).toBe(true);
      }),
    );
  });
});
