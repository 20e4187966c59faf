import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed } from './support/deployed.ts';
import type { ReadRecord } from './support/log-client.ts';
import { CUT_OFF, exceeded, type RegionFaults, startRegionFaults } from './support/region-faults.ts';
import { joinGroup, positionsIn, type RegionMember } from './support/region-group.ts';
import { bringBack, cutOff, lose } from './support/region-loss.ts';
import { ends, keepKilling, keepReplicating, replicateToRest, writeTo } from './support/region-traffic.ts';
import { DEPLOY_MS, type DeployedRegion, type DeployedRegions, deployRegions } from './support/regions.ts';

const TOPIC = 'shared';
const PARTITIONS = 2;
const REQUESTS = 20;
const FEW = 4;
/** By each region, and by all of them. */
const OWN = REQUESTS * 3 * PARTITIONS;
const WRITTEN = 3 * OWN;
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
}, DEPLOY_MS);
afterAll(async () => {
  await bringBack(regions.us);
  await faults?.stop();
});

const told = new Map<DeployedRegion, readonly Acknowledged[]>();

/** Values that were answered, sorted. */
async function write(region: DeployedRegion, name: string, requests: number): Promise<readonly string[]> {
  const written = await writeTo(region, { topic: TOPIC, partitions: PARTITIONS, requests, name });
  told.set(region, [...(told.get(region) ?? []), ...written]);
  return written.map(({ value }) => value).sort();
}

/** Every region has so many records, and another look at all flows finds nothing to do. */
async function expectEverywhere(records: number): Promise<void> {
  const total = Array.from({ length: PARTITIONS }, () => records / PARTITIONS);
  const there = (): Promise<unknown> => Promise.all(all.map((region) => ends(region, TOPIC, PARTITIONS)));
  const stop = keepReplicating(all);
  await expect.poll(there, COPIED).toEqual(all.map(() => total));
  stop();
  await replicateToRest(all);
  expect(await there()).toEqual(all.map(() => total));
}

/** In every region each record stands once, those of a region in their order, and its own where it was told. */
async function expectEachOnce(): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    for (const here of all) {
      const values = valuesOf(await here.log.readAll(TOPIC, partition));
      for (const origin of all) {
        const written = (told.get(origin) ?? []).filter((one) => one.partition === partition);
        const there = values.filter((value) => originOf(value) === origin.alias);
        expect(there).toEqual(written.map(({ value }) => value));
      }
      await expectStoredAsAcknowledged(here.log, { topic: TOPIC, partition }, told.get(here) ?? []);
    }
  }
}

const valuesOf = (records: readonly ReadRecord[]): readonly string[] =>
  records.map(({ value }) => String(value));
const originOf = (value: string): string => value.slice(0, value.indexOf('-'));

/** What a region has of another one. */
async function cameFrom(origin: DeployedRegion, region: DeployedRegion): Promise<readonly string[]> {
  const read = Array.from({ length: PARTITIONS }, (_, partition) => region.log.readAll(TOPIC, partition));
  const values = (await Promise.all(read)).flatMap(valuesOf);
  return values.filter((value) => originOf(value) === origin.alias);
}

describe('a topic that three regions write to at once, while replicators are killed, throttled and cut off', () => {
  let fromUs: readonly string[] = [];
  let fromEu: readonly string[] = [];

  beforeAll(async () => {
    const { us, eu, ap } = regions;
    for (const to of all) faults.set(eu, to, exceeded(0.4));
    faults.set(ap, us, CUT_OFF);
    faults.set(ap, eu, () => ({ delayMs: 150 }));
    const stopReplicating = keepReplicating([eu, ap]);
    const stopKilling = keepKilling(us, 5_000);
    await Promise.all(all.map((region) => write(region, '', REQUESTS)));
    await sleep(3_000);
    fromUs = await cameFrom(us, ap);
    fromEu = await cameFrom(eu, ap);
    await stopKilling();
    stopReplicating();
    faults.heal();
  });

  it('nobody copies from a region that it cannot reach, and all go on with the others', () => {
    expect(fromUs).toEqual([]);
    expect(fromEu.length).toBeGreaterThan(0);
    expect(faults.counts(regions.ap)['reset before']).toBeGreaterThan(0);
    expect(faults.counts(regions.eu).exceed).toBeGreaterThan(0);
  });

  it('every region comes to have every record, and no copy of a copy', async () => {
    await expectEverywhere(WRITTEN);
    const done = { state: 'RUNNING', policy: 'merged', progress: { lag_records: 0, percent: 100 } };
    for (const { api } of all) expect(await api.list('/flows')).toMatchObject([done, done]);
  });

  it('each record is there once, those of a region in their order, and its own where it was told', () =>
    expectEachOnce());
});

describe('one of them is lost with records that nobody, or not everybody, has copied', () => {
  const GROUP = 'readers';
  let unread: readonly string[];
  let member: RegionMember;

  it('before: a group has read everything in it, which is known in another region', async () => {
    const { us, eu } = regions;
    member = await joinGroup(us, { group: GROUP, topics: [TOPIC] });
    expect(await member.consumed(WRITTEN)).toHaveLength(WRITTEN);
    const stop = keepReplicating([eu]);
    await expect.poll(async () => (await positionsIn(eu, GROUP)).size, COPIED).toBe(PARTITIONS);
    stop();
  });

  it('one of the others has come further than the third, and nobody to its end', async () => {
    const { us, eu, ap } = regions;
    faults.set(ap, us, CUT_OFF);
    const stop = keepReplicating([eu]);
    unread = await write(us, 'unread-', FEW);
    await expect.poll(async () => (await cameFrom(us, eu)).length, COPIED).toBe(OWN + unread.length);
    await cutOff(us);
    await write(us, 'tail-', FEW);
    await lose(us);
    faults.heal();
    stop();
    expect(await cameFrom(us, ap)).toHaveLength(OWN);
  });

  it('the third has it from the one that has more', async () => {
    const { us, ap } = regions;
    await ap.api.ask('PATCH', '/flows/eu', { relays: ['us'] });
    const stop = keepReplicating([ap]);
    await expect.poll(async () => (await cameFrom(us, ap)).length, COPIED).toBe(OWN + unread.length);
    stop();
  });

  it('where the group goes on can be asked without the lost one', async () => {
    const { eu } = regions;
    const path = `/consumer-groups/${GROUP}/offsets:translate`;
    const { data } = (await eu.api.ask('POST', path, { source_region: 'us' })) as { data: readonly object[] };
    const all = Array.from({ length: PARTITIONS }, (_, partition_id) => ({
      ...{ topic_name: TOPIC, partition_id, offset: WRITTEN / PARTITIONS, state: 'CARRIED_OVER' },
    }));
    expect(data).toMatchObject(all);
  });

  it('the group goes on in another region with what it has not read, each record once', async () => {
    member = await joinGroup(regions.eu, { group: GROUP, topics: [TOPIC] });
    expect(await member.consumed(unread.length)).toEqual(unread);
    const meanwhile = await write(regions.eu, 'meanwhile-', FEW);
    expect(await member.consumed(meanwhile.length)).toEqual(meanwhile);
    await member.leave();
  });

  it('is back: everybody gets what it alone had, with nothing twice, relayed or not', async () => {
    const { us, ap } = regions;
    await bringBack(us);
    await expectEverywhere(WRITTEN + 3 * FEW * 3 * PARTITIONS);
    await expectEachOnce();
    await ap.api.ask('PATCH', '/flows/eu', { relays: [] });
    expect(await ap.api.ask('GET', '/flows/eu')).toMatchObject({ relays: [] });
  });
});
