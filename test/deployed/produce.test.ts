import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Acknowledged,
  acknowledgedBy,
  expectRetriable,
  expectStoredAsAcknowledged,
} from './support/acknowledged.ts';
import { deployed, ROOT } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { type LogClient, logClient } from './support/log-client.ts';

const PARTITIONS = 6;
const CLIENTS_PER_PARTITION = 3;
const PRODUCES_PER_CLIENT = 12;
const RECORDS_PER_PRODUCE = 3;

const { ca, stack } = deployed();
const newClient = (): LogClient => logClient(httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) }));
const client = newClient();
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);

describe('concurrent producers through API Gateway', () => {
  const topic = 'concurrent';
  const acknowledged: Acknowledged[] = [];
  /** Values of produces that failed in a way that leaves open whether they are stored. */
  const unsure: string[] = [];

  const produceAll = async (partition: number, name: string): Promise<void> => {
    const own = newClient();
    for (let count = 0; count < PRODUCES_PER_CLIENT; count += 1) {
      const values = Array.from({ length: RECORDS_PER_PRODUCE }, (_, index) => `${name}/${count}/${index}`);
      const answer = await own.produce({ topic, partition, values });
      expectRetriable(answer);
      if (answer.kind === 'failed') unsure.push(...values);
      else acknowledged.push(...acknowledgedBy(answer, partition, values));
    }
  };

  beforeAll(async () => {
    await client.createTopic(topic, PARTITIONS);
    // As many workers as will be needed come up before anything is counted; who comes up too slowly answers 503.
    await client.createTopic('warm-up', PARTITIONS);
    await Promise.all(
      partitions.flatMap((partition) =>
        Array.from({ length: CLIENTS_PER_PARTITION }, () =>
          newClient().produce({ topic: 'warm-up', partition, values: ['warm'] }),
        ),
      ),
    );
    const clients = partitions.flatMap((partition) =>
      Array.from({ length: CLIENTS_PER_PARTITION }, (_, number) =>
        produceAll(partition, `${partition}-${number}`),
      ),
    );
    await Promise.all(clients);
  });

  it('are acknowledged, or told to try again', () => {
    const records = PARTITIONS * CLIENTS_PER_PARTITION * PRODUCES_PER_CLIENT * RECORDS_PER_PRODUCE;
    expect(acknowledged.length + unsure.length).toBe(records);
    expect(acknowledged.length).toBeGreaterThan(records * 0.9);
  });

  it.each(partitions)(
    'partition %i holds every record at the offset its producer was told, and no other',
    async (partition) => {
      const untold = await expectStoredAsAcknowledged(client, { topic, partition }, acknowledged);
      expect(untold.filter((value) => !unsure.includes(value))).toEqual([]);
    },
  );

  it.each(partitions)('partition %i keeps each producer in its own order', async (partition) => {
    const values = (await client.readAll(topic, partition)).map(({ value }) => String(value));
    for (let number = 0; number < CLIENTS_PER_PARTITION; number += 1) {
      const own = values.filter((value) => value.startsWith(`${partition}-${number}/`));
      const counts = own.map((value) => Number(value.split('/')[1]));
      expect(counts).toEqual([...counts].sort((a, b) => a - b));
    }
  });
});

describe('a single producer', () => {
  it('is told what a warm append costs: one write unit, nothing read', async () => {
    await client.createTopic('priced', 1);
    let cost = '';
    for (let count = 0; count < 5; count += 1) {
      const answer = await client.produce({ topic: 'priced', partition: 0, values: [{ count }] });
      if (answer.kind === 'failed') throw new Error(JSON.stringify(answer));
      cost = answer.cost;
    }
    expect(cost).toBe('write-units=1, read-units=0, s3-requests=0, dollars=0.000000625');
  });

  it('is answered 404 for a topic that is not there, and nothing comes into being', async () => {
    const answer = await client.produce({ topic: 'nowhere', partition: 0, values: [1] });
    expect(answer).toMatchObject({ status: 404, errorCode: 40401, kafkaError: 'UNKNOWN_TOPIC_OR_PARTITION' });
    await expect(client.endOffset('nowhere', 0)).rejects.toThrow('404');
  });
});
