import { describe, expect, it } from 'vitest';
import type { NewFlow, TopicProgress } from '../../../../lib/flows.ts';
import { refusal } from '../../../support/log-on-memory.ts';
import { type FlowWorld, flowWorld } from './flow-world.ts';

const MERGED = { policy: 'merged', topics: ['orders'] } as const;
const ALIASES = ['west', 'east', 'north'] as const;

/** Three regions that all write to `orders`; west is lost when east has eight of its records, and north four. */
async function westIsLost(): Promise<FlowWorld> {
  const world = await flowWorld(ALIASES);
  for (const target of ALIASES) {
    for (const source of ALIASES) if (source !== target) await world.flow(target, { source, ...MERGED });
  }
  await world.region('west').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
  await world.produce('west', 'orders', 0, 'west0', 'west1', 'west2', 'west3');
  await world.settle();
  await world.produce('west', 'orders', 0, 'west4', 'west5', 'west6', 'west7');
  await world.produce('east', 'orders', 0, 'east0', 'east1');
  await world.run('east', 'west');
  await world.produce('west', 'orders', 0, 'west8', 'west9');
  world.cutOff.add('west');
  return world;
}

/** The values of one region, in the order in which they stand in another. */
async function valuesOf(world: FlowWorld, where: string, written: string): Promise<string[]> {
  const values = (await world.records(where, 'orders')).map((text) => text.slice(text.indexOf(':') + 1));
  return values.filter((value) => value.startsWith(written));
}

const west = (count: number): string[] => Array.from({ length: count }, (_, i) => `west${i}`);

async function told(world: FlowWorld, target: string, source: string): Promise<TopicProgress | undefined> {
  const { progress } = await world.region(target).flows.describe(source, world.call());
  return progress?.topics[0];
}

const relaying = (world: FlowWorld, relays: readonly string[]) =>
  world.region('north').flows.setRelays('east', relays, world.call());

describe('a flow that relays a lost region', () => {
  it('brings what its source has of it, and says how far it has come', async () => {
    const world = await westIsLost();
    await world.run('north', 'east');
    expect(await valuesOf(world, 'north', 'west')).toEqual(west(4));
    expect(await told(world, 'north', 'east')).not.toHaveProperty('partitions.0.relays');

    expect(await relaying(world, ['west'])).toMatchObject({ relays: ['west'] });
    expect(await world.run('north', 'east')).toMatchObject({ ended: 'idle', copiedRecords: 4 });
    expect(await valuesOf(world, 'north', 'west')).toEqual(west(8));
    expect(await valuesOf(world, 'north', 'east')).toEqual(['east0', 'east1']);
    const relay = { region: 'west', state: 'CAUGHT_UP', reason: '', position: 8, sourceEnd: 8 };
    expect(await told(world, 'north', 'east')).toMatchObject({
      state: 'CAUGHT_UP',
      reason: '',
      partitions: [{ partition: 0, relays: [relay] }],
    });
    expect(world.faults).toEqual([]);
  });

  it('leaves nothing to clean up when the region is back, relay or not', async () => {
    const world = await westIsLost();
    await relaying(world, ['west']);
    await world.run('north', 'east');
    world.cutOff.clear();
    await world.settle();
    await world.produce('west', 'orders', 0, 'west10', 'west11');
    await world.settle();
    await relaying(world, []);
    await world.produce('west', 'orders', 0, 'west12');
    await world.settle();
    for (const alias of ALIASES) {
      expect(await valuesOf(world, alias, 'west')).toEqual(west(13));
      expect(await world.records(alias, 'orders')).toHaveLength(15);
    }
  });

  it('can do so from the beginning, where relays go both ways too', async () => {
    const world = await westIsLost();
    await world.region('north').flows.delete('east', world.call());
    await world.flow('north', { source: 'east', ...MERGED, relays: ['west'] });
    await world.region('east').flows.setRelays('north', ['west'], world.call());
    world.cutOff.clear();
    await world.settle();
    world.cutOff.add('west');
    for (const alias of ['east', 'north']) expect(await valuesOf(world, alias, 'west')).toEqual(west(10));
    expect(await world.run('east', 'north')).toMatchObject({ copiedRecords: 0 });
    expect(await world.run('north', 'east')).toMatchObject({ copiedRecords: 0 });
  });

  it('follows a change within seconds, while it runs', async () => {
    const world = await westIsLost();
    const running = world.run('north', 'east', { idleMs: 300_000 });
    await world.clock.sleep(5_000);
    expect(await valuesOf(world, 'north', 'west')).toEqual(west(4));
    await relaying(world, ['west']);
    await world.clock.sleep(15_000);
    expect(await valuesOf(world, 'north', 'west')).toEqual(west(8));
    await relaying(world, []);
    await world.clock.sleep(15_000);
    world.cutOff.clear();
    await world.run('east', 'west');
    await world.clock.sleep(5_000);
    expect(await valuesOf(world, 'north', 'west')).toEqual(west(8));
    await running;
  });

  it('counts what it waits for as its lag, and goes on without it when nobody waits any more', async () => {
    const world = await westIsLost();
    await relaying(world, ['west']);
    const { flows, log } = world.region('north');
    await log.deleteTopic('orders', world.call());
    await flows.delete('west', world.call());
    await world.flow('north', { source: 'west', ...MERGED });
    await world.region('east').log.deleteRecords({ topic: 'orders', partition: 0, offset: 4 }, world.call());
    await world.run('north', 'east');
    const topic = await told(world, 'north', 'east');
    expect(topic?.partitions[0]?.relays).toMatchObject([
      {
        region: 'west',
        state: 'COPYING',
        reason: expect.stringContaining('delete the flow'),
        position: 0,
        sourceEnd: 8,
      },
    ]);
    expect((await flows.describe('east', world.call())).progress?.lagRecords).toBe(8);
    expect(await valuesOf(world, 'north', 'west')).toEqual([]);

    await flows.delete('west', world.call());
    const gap = { from: 0, to: 4 };
    const run = await world.run('north', 'east');
    expect(run.gaps).toEqual([{ topic: 'orders', partition: 0, relay: 'west', ...gap }]);
    expect(await valuesOf(world, 'north', 'west')).toEqual(west(8).slice(4));
    expect(await told(world, 'north', 'east')).toMatchObject({
      partitions: [{ relays: [{ state: 'CAUGHT_UP', position: 8, gap }] }],
    });
  });

  it('does not mix topics of the lost region that only had the same name', async () => {
    const world = await westIsLost();
    world.cutOff.clear();
    await world.region('west').log.deleteTopic('orders', world.call());
    await world.region('west').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('west', 'orders', 0, 'new0', 'new1');
    await world.region('north').log.deleteTopic('orders', world.call());
    await world.run('north', 'west');
    await relaying(world, ['west']);
    await world.run('north', 'east');
    expect((await world.records('north', 'orders')).map((text) => text.slice(2)).toSorted()).toEqual([
      'east0',
      'east1',
      'new0',
      'new1',
    ]);
    expect(await told(world, 'north', 'east')).toMatchObject({
      state: 'SOURCE_RECREATED',
      reason: expect.stringContaining("'west'"),
    });
  });

  const refused: readonly (readonly [string, Partial<NewFlow>, string])[] = [
    ['of what is no merged topic', { policy: 'prefixed', relays: ['west'] }, 'INVALID_CONFIG'],
    ['of its source', { relays: ['east'] }, 'INVALID_REQUEST'],
    ['of its target', { relays: ['north'] }, 'INVALID_REQUEST'],
    ['of a region that is not known', { relays: ['atlantis'] }, 'INVALID_REQUEST'],
    ['of what cannot be an alias', { relays: ['a b'] }, 'INVALID_REQUEST'],
    ['of one twice', { relays: ['west', 'west'] }, 'INVALID_REQUEST'],
  ];
  it.each(refused)('%s is refused, and nothing is stored', async (_, wanted, code) => {
    const world = await flowWorld(ALIASES);
    expect(await refusal(world.flow('north', { source: 'east', ...MERGED, ...wanted }))).toBe(code);
    expect(await world.region('north').flows.list(world.call())).toEqual([]);
    await world.flow('north', { source: 'east', ...MERGED, policy: wanted.policy ?? 'merged' });
    expect(await refusal(relaying(world, wanted.relays ?? []))).toBe(code);
    expect(await world.region('north').flows.describe('east', world.call())).toMatchObject({ relays: [] });
  });

  it('is one that is there', async () => {
    const world = await flowWorld(ALIASES);
    expect(await refusal(relaying(world, ['west']))).toBe('UNKNOWN_FLOW');
  });
});
