import { beforeAll, describe, expect, it } from 'vitest';
import { deployed, ROOT } from './support/deployed.ts';
import { type ClientResponse, httpClient, sigV4 } from './support/http-client.ts';
import { logClient } from './support/log-client.ts';

const { ca, stack } = deployed();
const newHttp = (): ReturnType<typeof httpClient> =>
  httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) });
const http = newHttp();
const client = logClient(http);

interface Producer {
  readonly producer_id: number;
  readonly producer_epoch: number;
}

async function producerOf(before?: Producer): Promise<Producer> {
  const response = await http({ method: 'POST', path: '/producer-ids', body: before ?? {} });
  expect(response.status).toBe(200);
  return response.json() as Producer;
}

const send = (
  topic: string,
  headers: Readonly<Record<string, string>>,
  values: readonly unknown[],
  via = http,
): Promise<ClientResponse> =>
  via({
    method: 'POST',
    path: `/topics/${topic}/partitions/0`,
    headers: { 'content-type': 'application/vnd.kafka.json.v2+json', ...headers },
    body: { records: values.map((value) => ({ value })) },
  });

const asProducer = ({ producer_id, producer_epoch }: Producer, sequence: number): Record<string, string> => ({
  'millrace-producer-id': String(producer_id),
  'millrace-producer-epoch': String(producer_epoch),
  'millrace-sequence': String(sequence),
});

const offsetsIn = (response: ClientResponse): readonly number[] =>
  (response.json() as { readonly offsets: readonly { readonly offset: number }[] }).offsets.map(
    ({ offset }) => offset,
  );

const kafkaError = (response: ClientResponse): unknown =>
  (response.json() as { readonly kafka_error?: unknown }).kafka_error;

/** Each over a connection of its own, all at once: the emulator gives every one of them another process. */
const RETRIES = 6;

describe('idempotent producing through different Lambdas', () => {
  const topic = 'idempotent';
  let producer: Producer;

  beforeAll(async () => {
    await client.createTopic(topic, 1);
    producer = await producerOf();
  });

  it('stores a request that is sent many times at once only once, and answers its first offsets to all', async () => {
    for (let sequence = 0; sequence < 15; sequence += 3) {
      const values = [sequence, sequence + 1, sequence + 2];
      const retry = async (): Promise<ClientResponse> => {
        const via = newHttp();
        for (let tries = 0; ; tries += 1) {
          const response = await send(topic, asProducer(producer, sequence), values, via);
          // A process that comes up too slowly answers 503: once more, as a client would.
          if (response.status < 500 || tries === 5) return response;
        }
      };
      const answers = await Promise.all(Array.from({ length: RETRIES }, retry));
      for (const answer of answers) {
        expect(answer.status, answer.body.toString()).toBe(200);
        expect(offsetsIn(answer)).toEqual(values);
      }
    }
    const records = await client.readAll(topic, 0);
    expect(records.map(({ offset, value }) => [offset, value])).toEqual(
      Array.from({ length: 15 }, (_, index) => [index, index]),
    );
  });

  it('refuses a gap, and what an older epoch sends', async () => {
    const gap = await send(topic, asProducer(producer, 99), ['too early']);
    expect([gap.status, kafkaError(gap)]).toEqual([409, 'OUT_OF_ORDER_SEQUENCE_NUMBER']);
    const next = await producerOf(producer);
    expect(next).toEqual({ producer_id: producer.producer_id, producer_epoch: producer.producer_epoch + 1 });
    expect((await send(topic, asProducer(next, 0), ['of the next epoch'])).status).toBe(200);
    const fenced = await send(topic, asProducer(producer, 15), ['too late']);
    expect([fenced.status, kafkaError(fenced)]).toEqual([409, 'INVALID_PRODUCER_EPOCH']);
    expect(await client.endOffset(topic, 0)).toBe(16);
  });

  it('gives no id out twice', async () => {
    const producers = await Promise.all(Array.from({ length: RETRIES }, () => producerOf()));
    const ids = [producer, ...producers].map(({ producer_id }) => producer_id);
    expect(new Set(ids).size).toBe(RETRIES + 1);
  });
});

describe('an append that says where it goes', () => {
  const topic = 'expected';
  beforeAll(() => client.createTopic(topic, 1));

  it('answers 412 with the real end, and stores nothing', async () => {
    const refused = await send(topic, { 'millrace-expected-offset': '7' }, ['no']);
    expect(refused.status).toBe(412);
    expect(refused.json()).toMatchObject({ next_offset: 0 });
    expect(refused.headers['x-next-offset']).toBe('0');
    expect(await client.endOffset(topic, 0)).toBe(0);
  });

  it('of many at once exactly one goes there, and every other is told where the end is', async () => {
    for (let offset = 0; offset < 3; offset += 1) {
      const answers = await Promise.all(
        Array.from({ length: RETRIES }, (_, index) =>
          send(topic, { 'millrace-expected-offset': String(offset) }, [index], newHttp()),
        ),
      );
      const statuses = answers.map(({ status }) => status).toSorted();
      expect(statuses).toEqual([200, ...Array.from({ length: RETRIES - 1 }, () => 412)]);
      for (const answer of answers.filter(({ status }) => status === 412)) {
        expect(answer.json()).toMatchObject({ next_offset: offset + 1 });
      }
    }
    expect(await client.endOffset(topic, 0)).toBe(3);
  });
});
