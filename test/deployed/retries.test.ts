import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, expectStoredAsAcknowledged } from './support/acknowledged.ts';
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
  const CLIENTS = 50;
  const functionName = stack.outputs.ProduceFunctionName ?? '';

  beforeAll(async () => {
    await client.createTopic(topic, 1);
    await aws.setTimeoutSeconds(functionName, 3);
  });
  afterAll(() => aws.setTimeoutSeconds(functionName, 29));

  it('answers retriable; what it acknowledged is stored, what it did not is stored once or not at all', async () => {
    const acknowledged: Acknowledged[] = [];
    const failed: string[] = [];
    const attempt = async (number: number): Promise<void> => {
      const own = newClient();
      for (let count = 0; count < 3; count += 1) {
        const value = `${number}/${count}`;
        const answer = await own.produce({ topic, partition: 0, values: [value] });
        expectRetriable(answer);
        if (answer.kind === 'failed') failed.push(value);
        else acknowledged.push({ partition: 0, offset: answer.offsets[0] ?? -1, value });
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, number) => attempt(number)));

    expect(acknowledged.length).toBeGreaterThan(0);
    expect(failed.length).toBeGreaterThan(0);
    const untold = await expectStoredAsAcknowledged(client, { topic, partition: 0 }, acknowledged);
    expect(untold.filter((value) => !failed.includes(value))).toEqual([]);
  });
});

function offsetsOf(answer: Produced): readonly number[] {
  return answer.kind === 'acknowledged' ? answer.offsets : [];
}

/** Acknowledged, or an answer that tells the client to send the same again. */
function expectRetriable(answer: Produced): void {
  if (answer.kind === 'acknowledged') return;
  expect([429, 500, 503]).toContain(answer.status);
  expect([50003, 42901]).toContain(answer.errorCode);
}
