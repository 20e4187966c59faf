import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed } from './support/deployed.ts';
import type { ReadRecord } from './support/log-client.ts';
import { CUT_OFF, exceeded, type RegionFaults, startRegionFaults } from './support/region-faults.ts';
import { ends, keepKilling, keepReplicating, replicateToRest, writeTo } from './support/region-traffic.ts';
import { type DeployedRegion, type DeployedRegions, deployRegions } from './support/regions.ts';

const TOPIC = 'shared';
const PARTITIONS = 2;
const REQUESTS = 30;
const TRAFFIC = { topic: TOPIC, partitions: PARTITIONS, requests: REQUESTS };
const OWN = REQUESTS * 3;
/** A replicator that was killed keeps its lease for half a minute; then whoever is called next goes on. */
const COPIED = { timeout: 240_000, interval: 1_000 };

let regions: DeployedRegions;
let all: readonly DeployedRegion[];
let faults: RegionFaults;

beforeAll(async () => {
  regions = await deployRegions(deployed());
  all = [regions.us, regions.eu, regions.ap];
  faults = await startRegionFaults(deployed(), all);
  await Promise.all(all.map(({ log }) => log.createTopic(TOPIC, PARTITIONS)));
  for (const { api, alias } of all) {
    const others = all.filter((other) => other.alias !== alias);
    await api.setFlows(
      others.map((other) => ({ source_region: other.alias, policy: 'merged', topics: [TOPIC] })),
    );
  }
});
afterAll(() => faults?.stop());

const valuesOf = (records: readonly ReadRecord[]): readonly string[] =>
  records.map(({ value }) => String(value));
const originOf = (value: string): string => value.slice(0, value.indexOf('-'));

async function everywhere(partition: number): Promise<readonly (readonly string[])[]> {
  return Promise.all(all.map(async ({ log }) => valuesOf(await log.readAll(TOPIC, partition))));
}

describe('a topic that three regions write to at once, while replicators are killed, throttled and cut off', () => {
  const told = new Map<string, readonly Acknowledged[]>();
  let copiedWhileCutOff: readonly string[] = [];

  beforeAll(async () => {
    const { us, eu, ap } = regions;
    for (const to of all) faults.set(eu, to, exceeded(0.4));
    faults.set(ap, us, CUT_OFF);
    faults.set(ap, eu, () => ({ delayMs: 150 }));
    const stopReplicating = keepReplicating([eu, ap]);
    const stopKilling = keepKilling(us, 3_000);
    await Promise.all(all.map(async (region) => told.set(region.alias, await writeTo(region, TRAFFIC))));
    await sleep(3_000);
    const there = [0, 1].map((partition) => ap.log.readAll(TOPIC, partition));
    copiedWhileCutOff = (await Promise.all(there)).flatMap(valuesOf).map(originOf);
    await stopKilling();
    stopReplicating();
    faults.heal();
  });

  it('nobody copies from a region that it cannot reach, and all go on with the others', () => {
    expect(copiedWhileCutOff).not.toContain('us');
    expect(copiedWhileCutOff).toContain('eu');
    expect(faults.counts(regions.ap)['reset before']).toBeGreaterThan(0);
    expect(faults.counts(regions.eu).exceed).toBeGreaterThan(0);
  });

  it('every region comes to have every record', async () => {
    const stop = keepReplicating(all);
    const total = Array.from({ length: PARTITIONS }, () => OWN * all.length);
    const there = (): Promise<unknown> => Promise.all(all.map((region) => ends(region, TOPIC, PARTITIONS)));
    await expect.poll(there, COPIED).toEqual(all.map(() => total));
    stop();
  });

  it('each record is there once, those of a region in their order, and its own where it said', async () => {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      for (const [index, values] of (await everywhere(partition)).entries()) {
        for (const { alias } of all) {
          const written = (told.get(alias) ?? []).filter((one) => one.partition === partition);
          expect(values.filter((value) => originOf(value) === alias)).toEqual(
            written.map(({ value }) => value),
          );
        }
        const region = all[index] as DeployedRegion;
        await expectStoredAsAcknowledged(
          region.log,
          { topic: TOPIC, partition },
          told.get(region.alias) ?? [],
        );
      }
    }
  });

  it('nothing is copied in a circle: another look at all flows finds nothing', async () => {
    await replicateToRest(all);
    const total = Array.from({ length: PARTITIONS }, () => OWN * all.length);
    for (const region of all) {
      expect(await ends(region, TOPIC, PARTITIONS)).toEqual(total);
      const done = { state: 'RUNNING', policy: 'merged', progress: { lag_records: 0, percent: 100 } };
      expect(await region.api.list('/flows')).toMatchObject([done, done]);
    }
  });
});
