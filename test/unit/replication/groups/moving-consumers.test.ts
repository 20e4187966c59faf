import { describe, expect, it } from 'vitest';
import { type Consumer, createConsumer } from '../../../../lib/client/consumer/consumer.ts';
import { openTestClient } from '../../client/support.ts';
import { BOTH, GROUP, type GroupWorld, groupWorld } from './group-world.ts';

const MEMBERS = 8;
const PARTITIONS = 8;
const TOPIC = 'orders';

/** A group of eight consumers in one region. */
interface Crowd {
  /** Everything that is read is committed first. */
  close(): Promise<void>;
}

async function crowd(g: GroupWorld, region: string, given: string[]): Promise<Crowd> {
  const consumers: Consumer[] = [];
  const loops: Promise<void>[] = [];
  const loopOf = async (consumer: Consumer): Promise<void> => {
    for await (const { partition, value } of consumer) given.push(`${partition}/${value}`);
  };
  for (let i = 0; i < MEMBERS; i += 1) {
    const client = await openTestClient(g.world.region(region).storage, { groups: () => g.groups(region) });
    const options = { groupId: GROUP, topics: [TOPIC], autoOffsetReset: 'earliest' } as const;
    const consumer = createConsumer(client.parts, options);
    consumers.push(consumer);
    loops.push(loopOf(consumer));
  }
  await g.world.clock.sleep(60_000);
  expect(consumers.map((consumer) => consumer.assignment().length)).toEqual(consumers.map(() => 1));
  return {
    close: async () => {
      await Promise.all(consumers.map((consumer) => consumer.close()));
      await Promise.all(loops);
    },
  };
}

interface MovingWorld {
  readonly g: GroupWorld;
  readonly produced: string[];
  /** Some records in every partition of a region's topic. */
  produce(region: string, count: number): Promise<void>;
}

async function movingWorld(): Promise<MovingWorld> {
  const flows = BOTH.map(([target, source]) => [target, source, { policy: 'merged' }] as const);
  const g = await groupWorld(['us', 'eu'], flows);
  for (const region of ['us', 'eu']) {
    const { log } = g.world.region(region);
    await log.createTopic({ name: TOPIC, partitionCount: PARTITIONS }, g.world.call());
  }
  const produced: string[] = [];
  return {
    g,
    produced,
    produce: async (region, count) => {
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const values = Array.from({ length: count }, (_, i) => `${region} ${produced.length + i}`);
        await g.world.produce(region, TOPIC, partition, ...values);
        produced.push(...values.map((value) => `${partition}/${value}`));
      }
    },
  };
}

describe('a group of eight consumers that moves between regions which both write', () => {
  it('is given every record once, there and back, wherever what had been copied stood in the logs', async () => {
    const { g, produced, produce } = await movingWorld();
    const given: string[] = [];
    const moves = [
      ['us', 'eu'],
      ['eu', 'us'],
      ['us', 'eu'],
    ] as const;
    for (const [from, to] of moves) {
      await produce('us', 7);
      await produce('eu', 5);
      const stay = await crowd(g, from, given);
      await produce(from, 4);
      await g.carry(to, from);
      // What was produced there since has not come here when the group leaves.
      await produce(to, 6);
      await produce(from, 3);
      await g.world.clock.sleep(60_000);
      await stay.close();
      await g.carry(to, from);
    }
    const last = await crowd(g, 'eu', given);
    for (const [target, source] of BOTH) await g.carry(target, source);
    await g.world.clock.sleep(60_000);
    await last.close();
    expect(given.length).toBe(produced.length);
    expect(given.toSorted()).toEqual(produced.toSorted());
    expect(g.world.faults).toEqual([]);
  });

  it('is given again at most what it had not committed when its region was lost, and loses nothing', async () => {
    const { g, produced, produce } = await movingWorld();
    const given: string[] = [];
    await produce('us', 20);
    await produce('eu', 20);
    const lost = await crowd(g, 'us', given);
    await g.carry('us', 'eu');
    await g.carry('eu', 'us');
    await g.world.clock.sleep(30_000);
    // Committed by now, and carried over; what follows is not.
    await lost.close();
    await g.carry('eu', 'us');
    const before = given.length;
    const again = await crowd(g, 'us', given);
    await produce('us', 3);
    await produce('eu', 2);
    await g.world.clock.sleep(10_000);
    const unseen = given.length - before;
    g.world.cutOff.add('us');
    const next = await crowd(g, 'eu', given);
    await g.world.clock.sleep(60_000);
    await again.close();
    g.world.cutOff.clear();
    await g.carry('eu', 'us');
    await g.world.clock.sleep(60_000);
    await next.close();
    expect(new Set(given).size).toBe(produced.length);
    expect(given.length - produced.length).toBeLessThanOrEqual(unseen);
    expect(unseen).toBeLessThanOrEqual(5 * PARTITIONS);
  });
});
