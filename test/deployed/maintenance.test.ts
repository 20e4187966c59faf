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

const { ca, stack, sdkConfig } = deployed();
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

async function produce(place: Place, count: number): Promise<void> {
  for (let made = 0; made < count; made += 1) {
    const value = `${place.acknowledged.length}-`.padEnd(5_000, 'x');
    const answer = await client.produce({ topic: place.topic, partition: 0, values: [value] });
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

  // All at once: each then waits for the same turns of the schedule.
  beforeAll(async () => {
    byBytes = await topicOf('sealed-by-bytes', { 'segment.bytes': '50000' });
    byAge = await topicOf('sealed-by-age', { 'segment.ms': '1000' });
    await produce(byBytes, 35);
    await produce(byAge, 2);
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

  it('leaves everything readable across the boundary of hot and cold', async () => {
    await produce(byBytes, 1);
    await produce(byAge, 1);
    for (const place of [byBytes, byAge]) {
      const at = { topic: place.topic, partition: 0 };
      expect(await expectStoredAsAcknowledged(client, at, place.acknowledged)).toEqual([]);
    }
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
