import { DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import {
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, acknowledgedBy, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed, ROOT } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { logClient } from './support/log-client.ts';

const { aws, ca, stack, sdkConfig } = deployed();
const client = logClient(httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) }));
const config = { ...sdkConfig, credentials: ROOT };
const s3 = new S3Client(config);
const dynamo = new DynamoDBClient(config);
// The queues' URLs name a host that nothing resolves.
const sqs = new SQSClient({ ...config, useQueueUrlAsEndpoint: false });
const { BucketName = '', CatalogTableName = '', TaskQueueUrl = '', DeadLettersUrl = '' } = stack.outputs;

/** The schedule of this stack is a minute; nobody calls the planner or a worker here. */
const BY_SCHEDULE = { timeout: 200_000, interval: 1_000 };
const POISON = '{"job":"erase everything"}';

interface SweepCounts {
  readonly listedCount: number;
  readonly kept: { readonly young: number };
  readonly foreign: { readonly count: number };
}

interface Place {
  readonly topic: string;
  readonly topicId: string;
  readonly acknowledged: Acknowledged[];
}

async function topicOf(topic: string, configs: Record<string, string>): Promise<Place> {
  await client.createTopic(topic, 1, configs);
  const { Items: [item] = [] } = await dynamo.send(
    new QueryCommand({
      TableName: CatalogTableName,
      KeyConditionExpression: 'pk = :pk AND sk = :sk',
      ExpressionAttributeValues: { ':pk': { S: 'topics' }, ':sk': { S: topic } },
    }),
  );
  return { topic, topicId: item?.t?.S ?? '', acknowledged: [] };
}

async function produce(
  place: Place,
  count: number,
  keyOf: (count: number) => string | undefined = () => undefined,
): Promise<void> {
  for (let made = 0; made < count; made += 1) {
    const value = `${place.acknowledged.length}-`.padEnd(5_000, 'x');
    const key = keyOf(made);
    const keyed = key === undefined ? {} : { key };
    const answer = await client.produce({ topic: place.topic, partition: 0, values: [value], ...keyed });
    place.acknowledged.push(...acknowledgedBy(answer, 0, [value]));
  }
}

async function segmentCount({ topicId }: Place): Promise<number> {
  const Prefix = `segments/${topicId}/`;
  const { KeyCount = 0 } = await s3.send(new ListObjectsV2Command({ Bucket: BucketName, Prefix }));
  return KeyCount;
}

describe('maintenance on its schedule', () => {
  let byBytes: Place;
  let byAge: Place;
  let retained: Place;
  let compacted: Place;

  // All at once: each then waits for the same turns of the schedule.
  beforeAll(async () => {
    byBytes = await topicOf('sealed-by-bytes', { 'segment.bytes': '50000' });
    byAge = await topicOf('sealed-by-age', { 'segment.ms': '1000' });
    const old = { 'segment.bytes': '30000', 'segment.ms': '1000', 'retention.ms': '1000' };
    retained = await topicOf('retained', old);
    compacted = await topicOf('compacted', { 'segment.bytes': '30000', 'cleanup.policy': 'compact' });
    await produce(byBytes, 35);
    await produce(byAge, 2);
    await produce(retained, 9);
    // Twenty times the same four keys: of the sealed ones, all but the newest go.
    await produce(compacted, 20, (count) => `key-${count % 4}`);
    await sqs.send(
      new SetQueueAttributesCommand({ QueueUrl: TaskQueueUrl, Attributes: { VisibilityTimeout: '5' } }),
    );
    await sqs.send(new SendMessageCommand({ QueueUrl: TaskQueueUrl, MessageBody: POISON }));
  });

  it('seals what is large, and leaves the rest where it is', async () => {
    await expect.poll(() => segmentCount(byBytes), BY_SCHEDULE).toBe(3);
  });

  it('seals what is old', async () => {
    await expect.poll(() => segmentCount(byAge), BY_SCHEDULE).toBe(1);
  });

  it('drops what is older than the topic keeps', async () => {
    const start = async (): Promise<number> => (await client.offsets(retained.topic, 0)).beginning;
    await expect.poll(start, BY_SCHEDULE).toBe(9);
    await produce(retained, 1);
    const records = await client.readAll(retained.topic, 0);
    expect(records.map(({ offset }) => offset)).toEqual([9]);
  });

  it('compacts: the newest value of every key stays, at its offset', async () => {
    const sealedKeys = async (): Promise<readonly number[]> =>
      (await client.readAll(compacted.topic, 0)).map(({ offset }) => offset);
    await expect.poll(async () => (await sealedKeys()).length, BY_SCHEDULE).toBeLessThan(16);
    const records = await client.readAll(compacted.topic, 0);
    const newest = new Map(records.map(({ key, offset, value }) => [key, { offset, value }]));
    const expected = compacted.acknowledged.slice(-4).map(({ offset, value }) => ({ offset, value }));
    expect([...newest.values()].sort((a, b) => a.offset - b.offset)).toEqual(expected);
    for (const { offset, value } of records) {
      expect(compacted.acknowledged).toContainEqual({ partition: 0, offset, value });
    }
  });

  it('leaves everything readable across the boundary of hot and cold', async () => {
    await produce(byBytes, 1);
    await produce(byAge, 1);
    for (const place of [byBytes, byAge]) {
      const at = { topic: place.topic, partition: 0 };
      expect(await expectStoredAsAcknowledged(client, at, place.acknowledged)).toEqual([]);
    }
  });

  it('sweeps with the rights of the sweeper: what is young stays, nothing is found wrong', async () => {
    const swept = await aws.invoke(stack.outputs.SweeperFunctionName ?? '', { job: 'sweep' });
    expect(swept).toMatchObject({
      topics: { isComplete: true },
      swept: { deletedCount: 0, failures: [], isComplete: true },
    });
    const { listedCount, kept, foreign } = (swept as { swept: SweepCounts }).swept;
    expect(listedCount).toBeGreaterThan(4);
    expect(kept.young + foreign.count).toBe(listedCount);
  });

  it('passes a message that is no task to the dead letters, and goes on', async () => {
    const letters: string[] = [];
    const receive = async (): Promise<readonly string[]> => {
      const request = { QueueUrl: DeadLettersUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 };
      const { Messages: messages = [] } = await sqs.send(new ReceiveMessageCommand(request));
      letters.push(...messages.map(({ Body = '' }) => Body));
      return letters;
    };
    await expect.poll(receive, BY_SCHEDULE).toContain(POISON);
    expect(new Set(letters)).toEqual(new Set([POISON]));
  });
});
