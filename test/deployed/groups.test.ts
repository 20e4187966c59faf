import { DynamoDBClient, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ConsumedRecord, type ConsumerClient, consumerClient } from './support/consumer-client.ts';
import { deployed, ROOT } from './support/deployed.ts';
import { httpClient, sigV4 } from './support/http-client.ts';
import { logClient } from './support/log-client.ts';

const { ca, stack, sdkConfig } = deployed();
const newHttp = (): ReturnType<typeof httpClient> =>
  httpClient({ url: stack.url, ca, authorize: sigV4(ROOT) });
const client = logClient(newHttp());
const dynamo = new DynamoDBClient({ ...sdkConfig, credentials: ROOT });
const { CatalogTableName: TableName = '' } = stack.outputs;

const GROUP = 'sharing';
const TOPIC = 'shared';
const PARTITIONS = 4;
const PER_PARTITION = 12;

const places = (records: readonly ConsumedRecord[]): readonly string[] =>
  records.map(({ partition, offset }) => `${partition}:${offset}`);

/** Every place of the topic, up to `count` records in each partition. */
const allPlaces = (count: number): readonly string[] =>
  Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from({ length: count }, (__, offset) => `${partition}:${offset}`),
  ).flat();

async function produceAll(first: number, count: number): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const values = Array.from({ length: count }, (_, index) => ({ n: first + index }));
    const answer = await client.produce({ topic: TOPIC, partition, values });
    expect(answer.kind).toBe('acknowledged');
  }
}

/** Reads and commits with all of them at once until everything has been seen; each request may meet another Lambda. */
async function readUntilAll(
  consumers: readonly ConsumerClient[],
  seen: Map<ConsumerClient, ConsumedRecord[]>,
  count: number,
): Promise<void> {
  const missing = (): readonly string[] => {
    const found = new Set(places([...seen.values()].flat()));
    return allPlaces(count).filter((place) => !found.has(place));
  };
  await expect
    .poll(
      async () => {
        await Promise.all(
          consumers.map(async (consumer) => {
            const records = await consumer.read();
            seen.set(consumer, [...(seen.get(consumer) ?? []), ...records]);
            if (records.length > 0) await consumer.commit();
          }),
        );
        return missing();
      },
      { timeout: 120_000, interval: 200 },
    )
    .toEqual([]);
}

/** As if the member had not been heard of for `ms`: neither the instance nor its membership. */
async function silence(ms: number, pks: readonly string[], isTheirs: (sk: string) => boolean): Promise<void> {
  for (const pk of pks) {
    const { Items: items = [] } = await dynamo.send(
      new QueryCommand({
        TableName,
        ConsistentRead: true,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': { S: pk } },
      }),
    );
    for (const item of items) {
      const name = pk.startsWith('instances#') ? 'z' : 't';
      const seenMs = Number(item[name]?.N);
      if (!isTheirs(item.sk?.S ?? '') || Number.isNaN(seenMs)) continue;
      await dynamo.send(
        new UpdateItemCommand({
          TableName,
          Key: { pk: { S: pk }, sk: item.sk ?? { S: '' } },
          UpdateExpression: 'SET #seen = :seen',
          ExpressionAttributeNames: { '#seen': name },
          ExpressionAttributeValues: { ':seen': { N: String(seenMs - ms) } },
        }),
      );
    }
  }
}

describe('two consumers of a group, served by whatever Lambda is free', () => {
  const seen = new Map<ConsumerClient, ConsumedRecord[]>();
  let first: ConsumerClient;
  let second: ConsumerClient;

  beforeAll(async () => {
    await client.createTopic(TOPIC, PARTITIONS);
    await produceAll(0, PER_PARTITION);
    first = consumerClient(newHttp(), { group: GROUP, name: 'first' });
    second = consumerClient(newHttp(), { group: GROUP, name: 'second' });
    for (const consumer of [first, second]) {
      await consumer.create();
      await consumer.subscribe([TOPIC]);
    }
  });

  it('share the partitions evenly', async () => {
    const counts = async (): Promise<readonly number[]> => {
      await Promise.all([first.read(), second.read()].map((reading) => reading.catch(() => [])));
      return Promise.all([first, second].map(async (consumer) => (await consumer.assignments()).length));
    };
    await expect.poll(counts, { timeout: 60_000, interval: 500 }).toEqual([2, 2]);
  });

  it('between them get what comes, each of its own partitions, in order', async () => {
    await produceAll(PER_PARTITION, PER_PARTITION);
    for (const consumer of [first, second]) await consumer.seekToBeginning();
    await readUntilAll([first, second], seen, 2 * PER_PARTITION);
    const [ofFirst, ofSecond] = [first, second].map(
      (consumer) => new Set((seen.get(consumer) ?? []).map(({ partition }) => partition)),
    );
    expect([...(ofFirst ?? [])].filter((partition) => ofSecond?.has(partition))).toEqual([]);
    for (const records of seen.values()) {
      for (const partition of new Set(records.map((record) => record.partition))) {
        const offsets = records
          .filter((record) => record.partition === partition)
          .map(({ offset }) => offset);
        expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
      }
    }
  });

  it('one dies, and the other goes on with what that had, where that had committed', async () => {
    const theirs = (await first.assignments()).map(({ partition }) => partition);
    expect(theirs).toHaveLength(2);
    // Ten minutes later, without the waiting: nothing was heard of the first since.
    const [member] = (await first.members()).filter(({ partitions }) =>
      partitions.includes(theirs[0] ?? Number.NaN),
    );
    await silence(600_000, [`group#${GROUP}`], (sk) => sk === `m#${member?.memberId}`);
    await silence(600_000, [`instances#${GROUP}`], (sk) => sk === 'first');
    await produceAll(2 * PER_PARTITION, PER_PARTITION);
    const after = new Map<ConsumerClient, ConsumedRecord[]>();
    const fresh = (): readonly string[] =>
      allPlaces(3 * PER_PARTITION).filter((place) => Number(place.split(':')[1]) >= 2 * PER_PARTITION);
    await expect
      .poll(
        async () => {
          const records = await second.read();
          after.set(second, [...(after.get(second) ?? []), ...records]);
          if (records.length > 0) await second.commit();
          return places(after.get(second) ?? []).toSorted();
        },
        { timeout: 120_000, interval: 500 },
      )
      .toEqual(fresh().toSorted());
    expect(await second.assignments()).toHaveLength(PARTITIONS);
  });

  it('the dead one is told so when it comes back, and commits nothing', async () => {
    const committed = await second.committed(TOPIC, PARTITIONS);
    const answer = await first.rawCommit(TOPIC, 0, 0);
    expect(answer.status).toBe(404);
    expect(await second.committed(TOPIC, PARTITIONS)).toEqual(committed);
  });

  it('whoever closes leaves at once', async () => {
    await second.remove();
    expect(await first.members()).toEqual([]);
  });
});
