import { describe, expect, it } from 'vitest';
import { readGroup } from '../../../../lib/group/group-store.ts';
import { decodeCheckpoint, decodeHeartbeat } from '../../../../lib/replication/groups/mirror-records.ts';
import { fill, GROUP, type GroupWorld, pair } from './group-world.ts';

const MINUTE_MS = 60_000;
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;

/** Runs both flows as a schedule does where nothing happens: a look each minute. */
async function idleMinutes(g: GroupWorld, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    for (const [target, source] of [
      ['eu', 'us'],
      ['us', 'eu'],
    ] as const) {
      await g.world.run(target, source, { idleMs: 0, errands: g.errands(target) });
    }
    await g.world.clock.sleep(MINUTE_MS);
  }
}

async function checkpoints(g: GroupWorld, region: string, source: string): Promise<string[]> {
  const records = await g.mirrored(region, `${source}.checkpoints.internal`);
  return records
    .map(decodeCheckpoint)
    .map(({ groupId, topic, partition, sourceOffset, targetOffset, metadata }) => {
      return `${groupId} ${topic}-${partition} ${sourceOffset}→${targetOffset}${metadata}`;
    });
}

describe('heartbeats', () => {
  it('say which flow is at work, and are copied under the name of their region', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    const beats = (await g.mirrored('eu', 'heartbeats')).map(decodeHeartbeat);
    expect(beats.map(({ source, target }) => `${source}→${target}`)).toEqual(['us→eu']);
    expect(beats[0]?.timestampMs).toBeGreaterThan(1_800_000_000_000);
    await g.carry('us', 'eu');
    expect(await g.mirrored('us', 'eu.heartbeats')).toEqual(await g.mirrored('eu', 'heartbeats'));
    expect((await g.world.region('us').log.describeTopic('eu.heartbeats', g.world.call())).configs).toEqual({
      'cleanup.policy': 'compact',
    });
  });

  it('do not keep two regions awake, and are not written while nothing is copied', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    await g.carry('us', 'eu');
    const topics = await g.world.topics('us');
    await idleMinutes(g, 30);
    expect((await g.mirrored('eu', 'heartbeats')).length).toBe(1);
    expect(await g.world.topics('us')).toEqual(topics);
    expect(topics).not.toContain('heartbeats');
  });

  it('go on while records are copied', async () => {
    const g = await pair();
    for (let round = 0; round < 3; round += 1) {
      await fill(g, 'us', 'orders', 1);
      await g.carry('eu', 'us');
    }
    expect((await g.mirrored('eu', 'heartbeats')).length).toBe(3);
  });
});

describe('checkpoints', () => {
  it('tell where groups of the source go on, once for every change', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    await g.commit('us', 'orders', 70);
    await g.commit('us', 'orders', 7, 'other');
    await g.carry('eu', 'us');
    await g.carry('eu', 'us');
    expect((await checkpoints(g, 'eu', 'us')).toSorted()).toEqual([
      `${GROUP} us.orders-0 60→60`,
      `${GROUP} us.orders-0 70→70`,
      'other us.orders-0 7→7',
    ]);
  });

  it('are written for a group with members too, and name the own topic where that is meant', async () => {
    const g = await pair();
    await g.carry('eu', 'us');
    const member = await g.join('eu', 'us.orders');
    expect(await member.commit(33)).toBe('ok');
    const other = await g.join('us', 'orders');
    expect(await other.commit(44)).toBe('ok');
    await g.carry('us', 'eu');
    expect(await checkpoints(g, 'us', 'eu')).toEqual([`${GROUP} orders-0 33→33`]);
    expect(await g.position('us', 'orders')).toBe(44);
  });

  it('stay where they are: no flow copies them', async () => {
    const g = await pair();
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    await g.carry('us', 'eu');
    expect(await g.world.topics('eu')).toContain('us.checkpoints.internal');
    expect((await g.world.topics('us')).filter((topic) => topic.includes('checkpoints'))).toEqual([]);
  });
});

describe('a flow with nothing to do', () => {
  it('writes nothing for its groups, and takes two small reads a minute for each', async () => {
    const g = await pair();
    await g.commit('us', 'orders', 60);
    await g.carry('eu', 'us');
    await idleMinutes(g, 120);
    const items = await g.standing('eu');
    const reads = async (minutes: number): Promise<number> => {
      const before = g.world.asked.get('us') ?? 0;
      await idleMinutes(g, minutes);
      return ((g.world.asked.get('us') ?? 0) - before) / minutes;
    };
    const withGroup = await reads(60);
    const bare = await pair();
    await bare.carry('eu', 'us');
    await idleMinutes(bare, 120);
    const before = bare.world.asked.get('us') ?? 0;
    await idleMinutes(bare, 60);
    const without = ((bare.world.asked.get('us') ?? 0) - before) / 60;
    expect(withGroup - without).toBe(2);
    expect(await g.standing('eu')).toEqual(items);
  });

  it('keeps a group alive as long as it is used in the source, and two unused ones not for ever', async () => {
    const g = await pair();
    await g.commit('us', 'orders', 60);
    await g.commit('us', 'orders', 60, 'unused');
    await g.carry('eu', 'us');
    const member = await g.join('us', 'orders');
    expect(member.position).toBe(60);
    await g.world.clock.sleep(2 * WEEK_MS);
    await g.carry('eu', 'us');
    const changedMs = async (groupId: string): Promise<number> => {
      const { parts } = g.world.region('eu');
      const { group } = await readGroup(parts, groupId, { consistent: true }, g.world.call());
      return g.world.clock.wallMs() - (group?.changedMs ?? 0);
    };
    expect(await changedMs(GROUP)).toBeLessThan(MINUTE_MS);
    expect(await changedMs('unused')).toBeGreaterThan(WEEK_MS);
  });
});
