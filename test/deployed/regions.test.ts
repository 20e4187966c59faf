import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, acknowledgedBy, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed } from './support/deployed.ts';
import { type DeployedRegion, deployTwoRegions } from './support/two-regions.ts';

const TOPIC = 'orders';
const PARTITIONS = 3;
const REQUESTS = 40;
/** A replicator that was killed keeps its lease for half a minute; then whoever is called next goes on. */
const COPIED = { timeout: 240_000, interval: 1_000 };
/** A replicator that has copied something waits for 20 s for more. */
const REST_MS = 24_000;
const LAG_MS_MAX = 2_000;

let us: DeployedRegion;
let eu: DeployedRegion;

beforeAll(async () => {
  ({ us, eu } = await deployTwoRegions(deployed()));
  await Promise.all([us, eu].map(({ log }) => log.createTopic(TOPIC, PARTITIONS)));
});
afterAll(() => Promise.all([us, eu].map((region) => region?.disableSchedules())));

const ends = (region: DeployedRegion, topic: string): Promise<readonly number[]> =>
  Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => region.log.endOffset(topic, partition)));

/** Calls the replicator as its schedule does. */
const call = (region: DeployedRegion): Promise<unknown> => region.aws.invoke(region.replicatorName, {});

async function write(region: DeployedRegion, partition: number): Promise<readonly Acknowledged[]> {
  const told: Acknowledged[] = [];
  for (let request = 0; request < REQUESTS; request += 1) {
    const values = [0, 1, 2].map((n) => `${region.alias}-${partition}-${request}-${n}`);
    const answer = await region.log.produce({ topic: TOPIC, partition, values, key: `k${request % 5}` });
    told.push(...acknowledgedBy(answer, partition, values));
  }
  return told;
}

const writeAll = async (region: DeployedRegion): Promise<readonly Acknowledged[]> =>
  (await Promise.all([0, 1, 2].map((partition) => write(region, partition)))).flat();

describe('two regions that are written at once, while their replicators are killed', () => {
  const told = new Map<string, readonly Acknowledged[]>();

  beforeAll(async () => {
    let isWriting = true;
    const killing = async (region: DeployedRegion): Promise<void> => {
      for (let kill = 0; isWriting; kill += 1) {
        // A call that copies, and a new setting in its midst, which ends the function's processes.
        void call(region).catch(() => undefined);
        await sleep(2_500);
        await region.aws.setTimeoutSeconds(region.replicatorName, 890 + (kill % 2));
      }
    };
    const killers = [us, eu].map(killing);
    const [fromUs, fromEu] = await Promise.all([us, eu].map(writeAll));
    isWriting = false;
    await Promise.all(killers);
    told.set('us', fromUs ?? []).set('eu', fromEu ?? []);
  });

  it.each(['us', 'eu'])('every record of %s is in the other region, once, at its offset', async (from) => {
    const [source, target] = from === 'us' ? [us, eu] : [eu, us];
    const remote = `${from}.${TOPIC}`;
    const copied = async (): Promise<readonly number[]> => {
      await call(target);
      return ends(target, remote);
    };
    await expect.poll(copied, COPIED).toEqual(await ends(source, TOPIC));
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const own = await source.log.readAll(TOPIC, partition);
      const there = await target.log.readAll(remote, partition);
      expect(there).toEqual(own.map((record) => ({ ...record, topic: remote })));
      await expectStoredAsAcknowledged(target.log, { topic: remote, partition }, told.get(from) ?? []);
    }
  });

  it('nothing is copied in a circle', async () => {
    for (const [region, other] of [
      [us, eu],
      [eu, us],
    ] as const) {
      const { data } = await flowApi(region, '/topics');
      const names = data.map(({ topic_name }) => String(topic_name)).filter((name) => name.includes(TOPIC));
      expect(names.sort()).toEqual([TOPIC, `${other.alias}.${TOPIC}`].sort());
    }
  });

  it('the flows tell that they have come to the end', async () => {
    for (const region of [us, eu]) {
      const progress = async (): Promise<unknown> => {
        await call(region);
        return (await flowApi(region, '/flows')).data;
      };
      await expect
        .poll(progress, COPIED)
        .toMatchObject([
          { state: 'RUNNING', policy: 'prefixed', progress: { lag_records: 0, lag_ms: 0, percent: 100 } },
        ]);
    }
  });

  it('topics follow without a record, because the topic wakes the replicator', async () => {
    await us.log.createTopic('empty-orders', 2);
    const topics = async (): Promise<readonly unknown[]> =>
      (await flowApi(eu, '/topics')).data.map(({ topic_name }) => topic_name);
    await expect.poll(topics, { timeout: 60_000, interval: 200 }).toContain('us.empty-orders');
  });

  it('nobody else writes into a remote topic', async () => {
    const before = await ends(eu, `us.${TOPIC}`);
    const answer = await eu.log.produce({ topic: `us.${TOPIC}`, partition: 0, values: ['foreign'] });
    expect(answer).toMatchObject({ kind: 'failed', status: 400, kafkaError: 'POLICY_VIOLATION' });
    expect(await ends(eu, `us.${TOPIC}`)).toEqual(before);
  });
});

describe('a region that cannot be read any more', () => {
  const role = 'MillraceUs-source-us';
  const remote = `us.${TOPIC}`;

  it('is told of, and is copied to its end once it can be read again', async () => {
    const before = await ends(eu, remote);
    await us.aws.deny(role);
    try {
      await us.log.produce({ topic: TOPIC, partition: 1, values: ['cut off'] });
      const ended = async (): Promise<unknown> => call(eu);
      await expect.poll(ended, COPIED).toEqual({ us: 'unreachable' });
      expect(await ends(eu, remote)).toEqual(before);
    } finally {
      await us.aws.allow(role);
    }
    const copied = async (): Promise<readonly number[]> => {
      await call(eu);
      return ends(eu, remote);
    };
    await expect.poll(copied, COPIED).toEqual(await ends(us, TOPIC));
  });
});

describe('a record that is written when nothing has been for a while', () => {
  it(`is in the other region within ${LAG_MS_MAX} ms (median), because its chunk wakes the replicator`, async () => {
    const lagsMs: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await sleep(REST_MS);
      const [end = 0] = await ends(eu, `us.${TOPIC}`);
      await us.log.produce({ topic: TOPIC, partition: 0, values: [`rest-${round}`] });
      const startedMs = performance.now();
      const copied = async (): Promise<number> => eu.log.endOffset(`us.${TOPIC}`, 0);
      await expect.poll(copied, { timeout: 90_000, interval: 50 }).toBe(end + 1);
      lagsMs.push(Math.round(performance.now() - startedMs));
    }
    console.log(`lag at rest to the first record: ${lagsMs.join(', ')} ms`);
    expect(lagsMs.sort((a, b) => a - b)[1]).toBeLessThanOrEqual(LAG_MS_MAX);
  });
});

async function flowApi(
  region: DeployedRegion,
  path: string,
): Promise<{ readonly data: readonly Readonly<Record<string, unknown>>[] }> {
  const clusters = await region.http({ method: 'GET', path: '/v3/clusters' });
  const { data } = clusters.json() as { readonly data: readonly { readonly cluster_id: string }[] };
  const response = await region.http({ method: 'GET', path: `/v3/clusters/${data[0]?.cluster_id}${path}` });
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${response.body}`);
  return response.json() as { readonly data: readonly Readonly<Record<string, unknown>>[] };
}
