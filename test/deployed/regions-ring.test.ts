import { beforeAll, describe, expect, it } from 'vitest';
import { type Acknowledged, expectStoredAsAcknowledged } from './support/acknowledged.ts';
import { deployed } from './support/deployed.ts';
import { endsIfThere, keepReplicating, replicateToRest, writeTo } from './support/region-traffic.ts';
import {
  DECLARED_FLOW,
  DEPLOY_MS,
  type DeployedRegion,
  type DeployedRegions,
  deployRegions,
  type RegionAlias,
} from './support/regions.ts';

const TOPIC = 'loop';
const PARTITIONS = 2;
const TRAFFIC = { topic: TOPIC, partitions: PARTITIONS, requests: 12 };
const ENDS = Array.from({ length: PARTITIONS }, () => TRAFFIC.requests * 3);
const namesIn = (alias: RegionAlias): readonly string[] => CAME[alias].map(([, name]) => name);
const COPIED = { timeout: 240_000, interval: 1_000 };
/** From whom each region copies: round the ring, and the other way where the deployment declares it. */
const SOURCES: Readonly<Record<RegionAlias, readonly RegionAlias[]>> = {
  eu: ['us'],
  ap: ['eu'],
  us: ['eu', 'ap'],
};
/** What comes to each region, by where it was written: by every way that passes no region twice. */
const CAME: Readonly<Record<RegionAlias, readonly (readonly [RegionAlias, string])[]>> = {
  eu: [
    ['us', 'us.loop'],
    ['ap', 'us.ap.loop'],
  ],
  ap: [
    ['eu', 'eu.loop'],
    ['us', 'eu.us.loop'],
  ],
  us: [
    ['ap', 'ap.loop'],
    ['eu', 'eu.loop'],
    ['eu', 'ap.eu.loop'],
  ],
};
const ALIASES = Object.keys(SOURCES) as RegionAlias[];

let regions: DeployedRegions;
let all: readonly DeployedRegion[];
const told = new Map<string, readonly Acknowledged[]>();

beforeAll(async () => {
  regions = await deployRegions(deployed());
  all = ALIASES.map((alias) => regions[alias]);
  await Promise.all(all.map(({ log }) => log.createTopic(TOPIC, PARTITIONS)));
  for (const alias of ALIASES) {
    const flows = SOURCES[alias].map((source) => ({ source_region: source, ...DECLARED_FLOW }));
    await regions[alias].api.setFlows(flows);
  }
  await Promise.all(all.map(async (region) => told.set(region.alias, await writeTo(region, TRAFFIC))));
}, DEPLOY_MS);

async function expectNames(): Promise<void> {
  for (const alias of ALIASES) {
    const names = (await regions[alias].api.topicNames()).filter((name) => name.endsWith(TOPIC));
    expect(names).toEqual([TOPIC, ...namesIn(alias)].sort());
  }
}

describe('a ring of three regions, each of which copies all that the one before it has', () => {
  it('brings every record to every region, and no record back to where it came from', async () => {
    const stop = keepReplicating(all);
    for (const alias of ALIASES) {
      for (const remote of namesIn(alias)) {
        await expect.poll(() => endsIfThere(regions[alias], remote, PARTITIONS), COPIED).toEqual(ENDS);
      }
    }
    stop();
    await expectNames();
    // Each look at all flows takes a copy one region further, so that a circle would show after the first.
    for (let round = 0; round < 2; round += 1) await replicateToRest(all);
    await expectNames();
  });

  it.each(ALIASES)('what has come to %s is what was written, offset for offset', async (alias) => {
    for (const [origin, topic] of CAME[alias]) {
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const own = await regions[origin].log.readAll(TOPIC, partition);
        const there = await regions[alias].log.readAll(topic, partition);
        expect(there).toEqual(own.map((record) => ({ ...record, topic })));
        const place = { topic, partition };
        const strangers = await expectStoredAsAcknowledged(regions[alias].log, place, told.get(origin) ?? []);
        expect(strangers).toEqual([]);
      }
    }
  });
});
