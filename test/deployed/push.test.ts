import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushId } from '../../infra/constructs/push-to-function.ts';
import type { DeadLetter } from '../../lib/push/dead-letter.ts';
import { deployed, PUSHED, ROOT } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { logClient } from './support/log-client.ts';
import { createUserFunction, type UserFunction } from './support/user-function.ts';

const { aws, ca, stack, sdkConfig } = deployed();
const http = httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) });
const client = logClient(http);
const sqs = new SQSClient({ ...sdkConfig, credentials: ROOT, useQueueUrlAsEndpoint: false });
const queueUrl = stack.outputs[`${pushId(PUSHED.group)}DeadLettersUrl`] ?? '';

/** The schedule is a minute, and nobody calls the runner here. */
const BY_SCHEDULE = { timeout: 240_000, interval: 1_000 };
const [topic] = PUSHED.topics;
const POISON = 41;
const COUNTS = [100, 30] as const;
const POISONED = '"poison"';

let target: UserFunction;

/** The offsets that were taken, in the order in which they were; one that was taken twice stands there once. */
async function takenOf(partition: number): Promise<readonly number[]> {
  const records = (await target.taken()).flat().filter((record) => record.partition === partition);
  return [...new Set(records.map(({ offset }) => offset))];
}

const offsetsBut = (count: number, missing?: number): readonly number[] =>
  Array.from({ length: count }, (_, offset) => offset).filter((offset) => offset !== missing);

describe('a function that records are pushed to, and that cannot take one of them', () => {
  const letters: DeadLetter[] = [];

  beforeAll(async () => {
    target = await createUserFunction(aws, { name: 'push-target', poison: POISONED });
    await client.createTopic(topic, COUNTS.length);
    for (const [partition, count] of COUNTS.entries()) {
      for (let made = 0; made < count; made += 10) {
        const values = Array.from({ length: 10 }, (_, index) =>
          partition === 0 && made + index === POISON ? 'poison' : { n: made + index },
        );
        await client.produce({ topic, partition, values });
      }
    }
  });
  afterAll(() => target?.remove());

  it.each([0, 1])('gets everything else of partition %i, in order', async (partition) => {
    const expected = offsetsBut(COUNTS[partition] ?? 0, partition === 0 ? POISON : undefined);
    await expect.poll(() => takenOf(partition), BY_SCHEDULE).toEqual(expected);
  });

  it('gets many records in a call, of one partition each', async () => {
    const calls = await target.taken();
    expect(Math.max(...calls.map((records) => records.length))).toBe(PUSHED.batchSize);
    for (const records of calls) expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
  });

  it('the one record lies among the dead letters, alone, with what it is and why', async () => {
    const receive = async (): Promise<readonly DeadLetter[]> => {
      const request = { QueueUrl: queueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 600 };
      const { Messages: messages = [] } = await sqs.send(new ReceiveMessageCommand(request));
      letters.push(...messages.map(({ Body = '' }) => JSON.parse(Body) as DeadLetter));
      return letters;
    };
    await expect.poll(async () => (await receive()).length, BY_SCHEDULE).toBeGreaterThan(0);
    for (const letter of letters) {
      expect(letter).toMatchObject({
        group: PUSHED.group,
        topic,
        partition: 0,
        firstOffset: POISON,
        lastOffset: POISON,
        recordCount: 1,
        reason: 'retries',
        failures: PUSHED.maxRetries + 1,
        // The emulator has a type of its own for whatever a function throws.
        error: { type: expect.any(String), message: 'this record is poison' },
        records: [{ offset: POISON, value: Buffer.from(POISONED).toString('base64') }],
      });
    }
  });

  it('its group has no lag, which the API tells', async () => {
    const { data } = (await http({ method: 'GET', path: '/v3/clusters' }).then(({ json }) => json())) as {
      readonly data: readonly { readonly cluster_id: string }[];
    };
    const path = `/v3/clusters/${data[0]?.cluster_id}/consumer-groups/${encodeURIComponent(PUSHED.group)}/lags`;
    const lags = async (): Promise<unknown> => {
      const response = await http({ method: 'GET', path });
      const body = response.json() as { readonly data?: readonly { readonly lag: number }[] };
      return body.data?.map(({ lag }) => lag) ?? body;
    };
    await expect.poll(lags, { timeout: 30_000, interval: 1_000 }).toEqual([0, 0]);
  });

  it('goes on where it stopped when more comes', async () => {
    await client.produce({ topic, partition: 1, values: ['later'] });
    const expected = offsetsBut(COUNTS[1] + 1);
    await expect.poll(() => takenOf(1), BY_SCHEDULE).toEqual(expected);
    const calls = (await target.taken()).filter((records) =>
      records.some(({ partition, offset }) => partition === 1 && offset === COUNTS[1]),
    );
    expect(calls).toHaveLength(1);
  });
});
