import { beforeAll, describe, expect, it } from 'vitest';
import { deployed } from './support/deployed.ts';
import { keepReplicating } from './support/region-traffic.ts';
import { type DeployedRegions, deployRegions } from './support/regions.ts';

const TOPIC = 'translated';
const GROUP = 'travellers';
const ACTIONS = `/consumer-groups/${GROUP}/offsets`;

let regions: DeployedRegions;

const produce = (alias: 'us' | 'eu', count: number): Promise<unknown> =>
  regions[alias].log.produce({
    topic: TOPIC,
    partition: 0,
    values: Array.from({ length: count }, () => alias),
  });

const translate = async (body: object): Promise<unknown> => {
  const request = { source_region: 'us', ...body };
  return ((await regions.eu.api.ask('POST', `${ACTIONS}:translate`, request)) as { data: unknown }).data;
};

/** What was written in `us` comes to `eu`, until the topic ends there. */
async function copied(end: number): Promise<void> {
  const { eu } = regions;
  const there = (): Promise<number> => eu.log.endOffset(TOPIC, 0).catch(() => 0);
  const stop = keepReplicating([eu]);
  await expect.poll(there, { timeout: 120_000, interval: 500 }).toBe(end);
  stop();
}

beforeAll(async () => {
  regions = await deployRegions(deployed());
  const { us, eu } = regions;
  await us.log.createTopic(TOPIC, 1);
  await us.api.setFlows([]);
  await eu.api.setFlows([{ source_region: 'us', policy: 'merged', topics: [TOPIC] }]);
});

describe('positions of a topic that two regions write', () => {
  it('are moved in one and translated in the other, which reads them there', async () => {
    // In eu: six of us, two of its own, two of us. In us: its own eight.
    await produce('us', 6);
    await copied(6);
    await produce('eu', 2);
    await produce('us', 2);
    await copied(10);
    await regions.us.api.ask('POST', `${ACTIONS}:reset`, {
      data: [{ topic_name: TOPIC, partition_id: 0, offset: 7 }],
    });
    const read = [{ region: 'us', offset: 7 }];
    const place = { source_topic_name: TOPIC, topic_name: TOPIC, partition_id: 0 };
    expect(await translate({})).toMatchObject([
      { ...place, source_offset: 7, offset: 6, vector: read, state: 'TRANSLATED' },
    ]);
    const named = { topic_name: TOPIC, partition_id: 0, offset: 8, vector: [{ region: 'eu', offset: 8 }] };
    expect(await translate({ data: [named] })).toMatchObject([
      { ...place, source_offset: 8, offset: 10, vector: [], state: 'TRANSLATED' },
    ]);
  });

  it('that are none are refused by name', async () => {
    const beyond = { topic_name: TOPIC, partition_id: 0, offset: 9 };
    await expect(translate({ data: [beyond] })).rejects.toThrow('OFFSET_OUT_OF_RANGE');
    await expect(translate({ source_region: 'ap' })).rejects.toThrow('UNKNOWN_FLOW');
  });
});
