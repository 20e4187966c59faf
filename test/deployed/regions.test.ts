import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed } from './support/deployed.ts';
import { endsIfThere, ends as endsOf, keepKilling, writeTo } from './support/region-traffic.ts';
import { DECLARED_FLOW, DEPLOY_MS, type DeployedRegion, deployRegions } from './support/regions.ts';

const TOPIC = 'orders';
const PARTITIONS = 3;
const REQUESTS = 40;
/** A replicator that was killed keeps its lease for half a minute; then whoever is called next goes on. */
const COPIED = { timeout: 240_000, interval: 1_000 };
/** A replicator that has copied something waits for 20 s for more. */
const REST_MS = 24_000;
const LAG_MS_MAX = 2_000;
/** Where the machine has other work, too: as many answers of the API one after the other. */
const LAG_ANSWERS_MAX = 60;

let us: DeployedRegion;
let eu: DeployedRegion;

beforeAll(async () => {
  const regions = await deployRegions(deployed());
  ({ us, eu } = regions);
  for (const { api, alias } of [us, eu]) {
    await api.deleteOtherFlows([{ source_region: alias === 'us' ? 'eu' : 'us', ...DECLARED_FLOW }]);
  }
  await regions.ap.api.setFlows([]);
  await Promise.all([us, eu].map(({ log }) => log.createTopic(TOPIC, PARTITIONS)));
}, DEPLOY_MS);

const ends = (region: DeployedRegion, topic: string): Promise<readonly number[]> =>
  endsOf(region, topic, PARTITIONS);

describe('two regions that are written at once, while their replicators are killed', () => {
  const told = new Map<string, readonly Acknowledged[]>();

  beforeAll(async () => {
    const killers = [us, eu].map((region) => keepKilling(region, 4_000));
    const traffic = { topic: TOPIC, partitions: PARTITIONS, requests: REQUESTS };
    const [fromUs, fromEu] = await Promise.all([us, eu].map((region) => writeTo(region, traffic)));
    await Promise.all(killers.map((stop) => stop()));
    told.set('us', fromUs ?? []).set('eu', fromEu ?? []);
  });

  it.each(['us', 'eu'])('every record of %s is in the other region, once, at its offset', async (from) => {
    const [source, target] = from === 'us' ? [us, eu] : [eu, us];
    const remote = `${from}.${TOPIC}`;
    const copied = async (): Promise<readonly number[]> => {
      await target.replicate();
      return endsIfThere(target, remote, PARTITIONS);
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
      const names = (await region.api.topicNames()).filter((name) => name.includes(TOPIC));
      expect(names).toEqual([TOPIC, `${other.alias}.${TOPIC}`].sort());
    }
  });

  it('the flows tell that they have come to the end', async () => {
    for (const region of [us, eu]) {
      const progress = async (): Promise<unknown> => {
        await region.replicate();
        return region.api.list('/flows');
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
    await expect.poll(eu.api.topicNames, { timeout: 60_000, interval: 200 }).toContain('us.empty-orders');
  });

  it('nobody else writes into a remote topic', async () => {
    const before = await ends(eu, `us.${TOPIC}`);
    const answer = await eu.log.produce({ topic: `us.${TOPIC}`, partition: 0, values: ['foreign'] });
    expect(answer).toMatchObject({ kind: 'failed', status: 400, kafkaError: 'POLICY_VIOLATION' });
    expect(await ends(eu, `us.${TOPIC}`)).toEqual(before);
  });
});

describe('a region that cannot be read any more', () => {
  const remote = `us.${TOPIC}`;

  it('is told of, and is copied to its end once it can be read again', async () => {
    const before = await ends(eu, remote);
    await us.aws.deny(us.sourceRoleName);
    try {
      await us.log.produce({ topic: TOPIC, partition: 1, values: ['cut off'] });
      await expect.poll(eu.replicate, COPIED).toEqual({ us: 'unreachable' });
      expect(await ends(eu, remote)).toEqual(before);
    } finally {
      await us.aws.allow(us.sourceRoleName);
    }
    const copied = async (): Promise<readonly number[]> => {
      await eu.replicate();
      return ends(eu, remote);
    };
    await expect.poll(copied, COPIED).toEqual(await ends(us, TOPIC));
  });
});

describe('a record that is written when nothing has been for a while', () => {
  it(`is in the other region within ${LAG_MS_MAX} ms (median), because its chunk wakes the replicator`, async () => {
    const lagsMs: number[] = [];
    const answersMs: number[] = [];
    const answered = async (): Promise<number> => {
      const startedMs = performance.now();
      await eu.log.endOffset(TOPIC, 0);
      return performance.now() - startedMs;
    };
    for (let round = 0; round < 3; round += 1) {
      await sleep(REST_MS);
      const [end = 0] = await ends(eu, `us.${TOPIC}`);
      await us.log.produce({ topic: TOPIC, partition: 0, values: [`rest-${round}`] });
      const startedMs = performance.now();
      const copied = async (): Promise<number> => eu.log.endOffset(`us.${TOPIC}`, 0);
      await expect.poll(copied, { timeout: 90_000, interval: 50 }).toBe(end + 1);
      lagsMs.push(Math.round(performance.now() - startedMs));
      for (let n = 0; n < 5; n += 1) answersMs.push(await answered());
    }
    const [lagMs, answerMs] = [median(lagsMs), median(answersMs)];
    console.log(
      `lag at rest to the first record: ${lagsMs.join(', ')} ms; an answer: ${answerMs.toFixed(0)} ms`,
    );
    expect(lagMs).toBeLessThanOrEqual(Math.max(LAG_MS_MAX, LAG_ANSWERS_MAX * answerMs));
  });
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
