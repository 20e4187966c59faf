import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, acknowledgedBy, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed, ROOT } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { logClient } from './support/log-client.ts';

const { aws, ca, stack, sdkConfig } = deployed();
const client = logClient(httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) }));
const s3 = new S3Client({ ...sdkConfig, credentials: ROOT });

const topic = 'spilled';
/** Above the 8 KB or so up to which a chunk is stored inline. */
const LARGE_CHARS = 40_000;
const PRODUCES = 8;
/** The planner's task goes through the queue to a worker. */
const SEALED = { timeout: 90_000, interval: 500 };

async function objectCount(prefix: string): Promise<number> {
  const Bucket = stack.outputs.BucketName ?? '';
  const { KeyCount = 0 } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: prefix }));
  return KeyCount;
}

describe('large records', () => {
  const acknowledged: Acknowledged[] = [];
  let before = 0;

  beforeAll(async () => {
    await client.createTopic(topic, 1, { 'segment.bytes': '1048576' });
    before = await objectCount('spill/');
    // Small ones in between: a reader crosses from inline to spilled chunks and back.
    for (let count = 0; count < PRODUCES; count += 1) {
      for (const value of [`small-${count}`, `large-${count}-`.padEnd(LARGE_CHARS, 'x')]) {
        const answer = await client.produce({ topic, partition: 0, values: [value] });
        acknowledged.push(...acknowledgedBy(answer, 0, [value]));
      }
    }
  });

  it('go to the bucket, one object each', async () => {
    expect((await objectCount('spill/')) - before).toBe(PRODUCES);
  });

  it('are read back as they were acknowledged', async () => {
    expect(await expectStoredAsAcknowledged(client, { topic, partition: 0 }, acknowledged)).toEqual([]);
  });

  it('cost one upload and one write unit', async () => {
    const value = 'y'.repeat(LARGE_CHARS);
    const answer = await client.produce({ topic, partition: 0, values: [value] });
    acknowledged.push(...acknowledgedBy(answer, 0, [value]));
    expect(answer.kind === 'acknowledged' && answer.cost).toMatch(
      /^write-units=1, read-units=0, s3-requests=1, /,
    );
  });

  it('are answered even when they are larger than the reader asked for', async () => {
    const { records } = await client.read({ topic, partition: 0, offset: 1 }, { maxBytes: 100 });
    expect(records.map(({ offset }) => offset)).toEqual([1]);
  });

  it('stand unchanged after maintenance has sealed them', async () => {
    const fill = 'z'.repeat(500_000);
    for (let count = 0; count < 3; count += 1) {
      const value = `fill-${count}-${fill}`;
      const answer = await client.produce({ topic, partition: 0, values: [value] });
      acknowledged.push(...acknowledgedBy(answer, 0, [value]));
    }
    const segments = await objectCount('segments/');
    await aws.invoke(stack.outputs.PlannerFunctionName ?? '', {});
    await expect.poll(() => objectCount('segments/'), SEALED).toBeGreaterThan(segments);
    expect(await expectStoredAsAcknowledged(client, { topic, partition: 0 }, acknowledged)).toEqual([]);
  });
});
