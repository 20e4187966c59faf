import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { type ConsumerClient, consumerClient } from './support/consumer-client.ts';
import { deployed } from './support/deployed.ts';
import { regionCommand, type Told } from './support/region-command.ts';
import { ends, endsIfThere, keepReplicating, writeTo } from './support/region-traffic.ts';
import { DECLARED_FLOW, type DeployedRegion, deployRegions } from './support/regions.ts';

const TOPIC = 'sales';
const PARTITIONS = 2;
const GROUP = 'sellers';
/** A replicator that has copied something holds its flow for 20 s more. */
const SOON = { timeout: 120_000, interval: 500 };

let us: DeployedRegion;
let eu: DeployedRegion;
const told = new Map<DeployedRegion, Acknowledged[]>();
let consumer: ConsumerClient;
let lostConsumer: ConsumerClient;

beforeAll(async () => {
  ({ us, eu } = await deployRegions(deployed()));
  await us.api.setFlows([{ source_region: 'eu', ...DECLARED_FLOW }]);
  await eu.api.setFlows([{ source_region: 'us', ...DECLARED_FLOW }]);
  await Promise.all([us, eu].map(({ log }) => log.createTopic(TOPIC, PARTITIONS)));
});
afterAll(() => bringBack(us));

/** Each batch of records has a name; values that were answered, sorted. */
async function write(region: DeployedRegion, name: string, requests = 4): Promise<readonly string[]> {
  const written = await writeTo(region, { topic: TOPIC, partitions: PARTITIONS, requests, name });
  told.set(region, [...(told.get(region) ?? []), ...written]);
  return written.map(({ value }) => value).sort();
}

/** The group in this region, as its only member, which reads what is written here and what has come from `other`. */
async function consumeIn(region: DeployedRegion, other: DeployedRegion): Promise<void> {
  consumer = consumerClient(region.http, { group: GROUP, name: `in-${region.alias}` });
  await consumer.create();
  await consumer.subscribe([TOPIC, `${other.alias}.${TOPIC}`]);
}

/** Reads until there are so many records, and once more for what should not be there; processes all of them. */
async function consumed(count: number): Promise<readonly string[]> {
  const values: string[] = [];
  const enough = async (): Promise<boolean> => {
    values.push(...(await consumer.read()).map(({ value }) => String(value)));
    return values.length >= count;
  };
  await expect.poll(enough, SOON).toBe(true);
  await enough();
  await consumer.commit();
  return values.sort();
}

/** Where the group goes on in a region, whether it is there or not: of the own topic, and of the other's. */
async function positions(region: DeployedRegion): Promise<Readonly<Record<string, number>>> {
  const lags = await region.api.list(`/consumer-groups/${GROUP}/lags`).catch(() => []);
  const rows = lags.map(({ topic_name, partition_id, current_offset }) => [
    `${topic_name}-${partition_id}`,
    Number(current_offset),
  ]);
  return Object.fromEntries(rows);
}

const copied = async (from: DeployedRegion, to: DeployedRegion): Promise<void> => {
  const there = (): Promise<readonly number[]> => endsIfThere(to, `${from.alias}.${TOPIC}`, PARTITIONS);
  await expect.poll(there, SOON).toEqual(await ends(from, TOPIC, PARTITIONS));
};

const functionsOf = ({ outputs }: DeployedRegion): readonly string[] =>
  Object.entries(outputs).flatMap(([name, value]) => (name.endsWith('FunctionName') ? [value] : []));

/** No function of it runs, its API among them, and nobody may read it. */
async function lose(region: DeployedRegion): Promise<void> {
  await Promise.all(functionsOf(region).map((name) => region.aws.limitCalls(name, 0)));
}

async function bringBack(region: DeployedRegion): Promise<void> {
  await Promise.all(functionsOf(region).map((name) => region.aws.limitCalls(name, undefined)));
}

const run = (...args: readonly string[]): Promise<Told> => regionCommand(deployed(), args);

describe('a region that is lost with records that nobody has copied, and comes back', () => {
  let copiedUnread: readonly string[];
  let tail: readonly string[];

  it('before: the group has read in us, what it has read there is known in eu', async () => {
    const stop = keepReplicating([us, eu]);
    const before = [...(await write(us, 'before-')), ...(await write(eu, 'before-'))].sort();
    await Promise.all([copied(us, eu), copied(eu, us)]);
    await consumeIn(us, eu);
    expect(await consumed(before.length)).toEqual(before);
    const here = await positions(us);
    const there = {
      [`us.${TOPIC}-0`]: here[`${TOPIC}-0`],
      [`us.${TOPIC}-1`]: here[`${TOPIC}-1`],
      [`${TOPIC}-0`]: here[`eu.${TOPIC}-0`],
      [`${TOPIC}-1`]: here[`eu.${TOPIC}-1`],
    };
    await expect.poll(() => positions(eu), SOON).toEqual(there);
    copiedUnread = await write(us, 'unread-');
    await copied(us, eu);
    stop();
  });

  it('is lost: its last records are in it alone, and its API does not answer', async () => {
    const there = await ends(eu, `us.${TOPIC}`, PARTITIONS);
    await us.aws.deny(us.sourceRoleName);
    tail = await write(us, 'tail-', 6);
    lostConsumer = consumer;
    await lose(us);
    expect((await us.http({ method: 'GET', path: '/v3/clusters' })).status).toBeGreaterThanOrEqual(429);
    await expect.poll(eu.replicate, SOON).toEqual({ us: 'unreachable' });
    expect(await ends(eu, `us.${TOPIC}`, PARTITIONS)).toEqual(there);
    const { exitCode, output } = await run('fail-over', '--source', 'us', '--lost', '--to', eu.url);
    expect({ exitCode, output }).toMatchObject({ exitCode: 1 });
    expect(output).toContain('us → eu: prefixed, RUNNING, lag unknown');
    expect(output).toContain(`${TOPIC} → us.${TOPIC}: UNREACHABLE`);
  });

  it('the group goes on in eu where it had come to, with nothing lost and nothing read twice', async () => {
    await consumeIn(eu, us);
    expect(await consumed(copiedUnread.length)).toEqual(copiedUnread);
    const meanwhile = await write(eu, 'meanwhile-');
    expect(await consumed(meanwhile.length)).toEqual(meanwhile);
  });

  it('is back: it is frozen, and the group reads its last records in eu', async () => {
    await bringBack(us);
    await us.aws.allow(us.sourceRoleName);
    const stop = keepReplicating([eu]);
    const told = await run('fail-over', '--source', 'us', '--from', us.url, '--to', eu.url);
    expect(told).toMatchObject({ exitCode: 0 });
    expect(told.output).toContain('All of us is in eu');
    stop();
    const late = await us.log.produce({ topic: TOPIC, partition: 0, values: ['too late'] });
    expect(late).toMatchObject({ kind: 'failed', status: 503, kafkaError: 'REGION_FROZEN' });
    expect(await consumed(tail.length)).toEqual(tail);
    await consumer.remove();
  });

  it('takes over again: what eu has taken meanwhile comes, and the group goes on without a record twice', async () => {
    expect(await run('thaw', '--url', us.url)).toMatchObject({ exitCode: 0 });
    // A member counts until it leaves, or for five minutes: only then are positions carried over.
    await lostConsumer.remove();
    const stop = keepReplicating([us]);
    const there = await positions(eu);
    const here = {
      [`${TOPIC}-0`]: there[`us.${TOPIC}-0`],
      [`${TOPIC}-1`]: there[`us.${TOPIC}-1`],
      [`eu.${TOPIC}-0`]: there[`${TOPIC}-0`],
      [`eu.${TOPIC}-1`]: there[`${TOPIC}-1`],
    };
    await expect.poll(() => positions(us), SOON).toEqual(here);
    const told = await run('fail-over', '--source', 'eu', '--from', eu.url, '--to', us.url);
    expect(told).toMatchObject({ exitCode: 0 });
    stop();
    await consumeIn(us, eu);
    const after = await write(us, 'after-');
    expect(await consumed(after.length)).toEqual(after);
    expect(await run('thaw', '--url', eu.url)).toMatchObject({ exitCode: 0 });
  });

  it('in the end both have everything, once, at its offset', async () => {
    const stop = keepReplicating([eu, us]);
    await Promise.all([copied(us, eu), copied(eu, us)]);
    stop();
    for (const [source, target] of [
      [us, eu],
      [eu, us],
    ] as const) {
      const topic = `${source.alias}.${TOPIC}`;
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const own = await source.log.readAll(TOPIC, partition);
        expect(await target.log.readAll(topic, partition)).toEqual(
          own.map((record) => ({ ...record, topic })),
        );
        const place = { topic, partition };
        const strangers = await expectStoredAsAcknowledged(target.log, place, told.get(source) ?? []);
        expect(strangers).toEqual([]);
      }
      const names = (await target.api.topicNames()).filter((name) => name.endsWith(TOPIC));
      expect(names).toEqual([TOPIC, topic].sort());
    }
  });
});
