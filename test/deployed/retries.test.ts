import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Acknowledged,
  acknowledgedBy,
  expectRetriable,
  expectStoredAsAcknowledged,
} from './support/acknowledged.ts';
import { deployed, ROOT } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { type LogClient, logClient, type Produced } from './support/log-client.ts';

const { aws, ca, stack } = deployed();
const newClient = (): LogClient => logClient(httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) }));
const client = newClient();

describe('a request that is retried with its Idempotency-Key', () => {
  const topic = 'retried';
  beforeAll(() => client.createTopic(topic, 1));

  it('is stored once and answered the same offset, whichever process gets it', async () => {
    const request = { topic, partition: 0, values: ['once'], idempotencyKey: 'one-key' };
    const first = await client.produce(request);
    // Together, so that the emulator has to run several processes.
    const again = await Promise.all(Array.from({ length: 6 }, () => newClient().produce(request)));
    for (const answer of again)
      expect(answer).toMatchObject({ kind: 'acknowledged', offsets: offsetsOf(first) });
    const values = (await client.readAll(topic, 0)).map(({ value }) => value);
    expect(values.filter((value) => value === 'once')).toEqual(['once']);
  });

  it('is stored once when all attempts come at the same time', async () => {
    const request = { topic, partition: 0, values: ['together'], idempotencyKey: 'another-key' };
    const answers = await Promise.all(Array.from({ length: 6 }, () => newClient().produce(request)));
    for (const answer of answers) expectRetriable(answer);
    const offsets = new Set(answers.flatMap(offsetsOf));
    expect(offsets.size).toBe(1);
    const records = await client.readAll(topic, 0);
    const stored = records.filter(({ value }) => value === 'together').map(({ offset }) => offset);
    expect(stored).toEqual([...offsets]);
  });

  it('is refused with another body: the key names one request', async () => {
    const answer = await client.produce({
      topic,
      partition: 0,
      values: ['other'],
      idempotencyKey: 'one-key',
    });
    expect(answer).toMatchObject({ kind: 'failed', kafkaError: 'INVALID_REQUEST' });
  });
});

describe('a function that cannot win within its time', () => {
  const topic = 'contended';
  const CLIENTS = 30;
  const PRODUCES_PER_CLIENT = 2;
  const functionName = stack.outputs.ProduceFunctionName ?? '';
  const clients = Array.from({ length: CLIENTS }, newClient);

  beforeAll(async () => {
    await client.createTopic(topic, 1);
    await client.createTopic('uncontended', CLIENTS);
    await aws.setTimeoutSeconds(functionName, 6);
    // The new setting has ended all processes. Theirs shall be lost races, not slow starts.
    for (let wave = 0; wave < 2; wave += 1) {
      await Promise.all(
        clients.map((own, partition) => own.produce({ topic: 'uncontended', partition, values: ['warm'] })),
      );
    }
  });
  afterAll(() => aws.setTimeoutSeconds(functionName, 29));

  it('answers retriable; what it acknowledged is stored, what it did not is stored once or not at all', async () => {
    const acknowledged: Acknowledged[] = [];
    const failed: string[] = [];
    const attempt = async (own: LogClient, number: number): Promise<void> => {
      for (let count = 0; count < PRODUCES_PER_CLIENT; count += 1) {
        const value = `${number}/${count}`;
        const answer = await own.produce({ topic, partition: 0, values: [value] });
        expectRetriable(answer);
        if (answer.kind === 'failed') failed.push(value);
        else acknowledged.push(...acknowledgedBy(answer, 0, [value]));
      }
    };
    await Promise.all(clients.map(attempt));

    expect(acknowledged.length).toBeGreaterThan(0);
    expect(failed.length).toBeGreaterThan(0);
    const untold = await expectStoredAsAcknowledged(client, { topic, partition: 0 }, acknowledged);
    expect(untold.filter((value) => !failed.includes(value))).toEqual([]);
  });
});

function offsetsOf(answer: Produced): readonly number[] {
  return answer.kind === 'acknowledged' ? answer.offsets : [];
}
