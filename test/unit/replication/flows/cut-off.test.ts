import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../../lib/open-log.ts';
import { LEASE_MS } from '../../../../lib/replication/lease.ts';
import { type CrashMoment, crashingProcess } from '../../../support/crashing-ports.ts';
import { memoryTransactions } from '../../../support/memory-transactions.ts';
import { type FlowWorld, flowWorld } from './flow-world.ts';

const REQUESTS_MAX = 200;

/** A topic from before the flow began, of which the flow copies only what comes later, and what is to follow in it. */
async function scene(): Promise<FlowWorld> {
  const world = await flowWorld(['a', 'b']);
  const { log } = world.region('a');
  await log.createTopic(
    { name: 'orders', partitionCount: 2, configs: { 'retention.ms': '5' } },
    world.call(),
  );
  await world.produce('a', 'orders', 0, 'old');
  await world.flow('b', { source: 'a', start: 'latest' });
  await world.run('b', 'a', { idleMs: 0 });
  await world.produce('a', 'orders', 0, 'new');
  await world.produce('a', 'orders', 1, 'first');
  await log.createPartitions('orders', 3, world.call());
  const alterations = [{ name: 'retention.ms', value: '7' }];
  await log.alterConfigs('orders', alterations, { validateOnly: false }, world.call());
  await log.createTopic({ name: 'bills', partitionCount: 1 }, world.call());
  await world.produce('a', 'bills', 0, 'bill');
  return world;
}

async function outcome(world: FlowWorld): Promise<unknown> {
  const { partitionCount, configs } = await world.region('b').log.describeTopic('a.orders', world.call());
  return {
    topics: await world.topics('b'),
    orders: [partitionCount, configs],
    records: await Promise.all([
      world.records('b', 'a.orders', 0),
      world.records('b', 'a.orders', 1),
      world.records('b', 'a.bills'),
    ]),
  };
}

const EXPECTED = {
  topics: ['a.bills', 'a.orders'],
  orders: [3, { 'retention.ms': '7' }],
  records: [['1:new'], ['0:first'], ['0:bill']],
};

async function cutOffAt(atRequest: number, moment: CrashMoment): Promise<boolean> {
  const world = await scene();
  const { storage } = world.region('b');
  const transactions = memoryTransactions({ ...storage, business: new Map() });
  const dying = crashingProcess(storage, transactions, { atRequest, moment });
  const died = await dying.live(() => world.run('b', 'a', { idleMs: 0, target: engineParts(dying.storage) }));
  await world.clock.sleep(LEASE_MS + 1_000);
  expect(await world.run('b', 'a', { idleMs: 0 })).toMatchObject({ ended: 'idle' });
  expect(await outcome(world), `died ${moment} request ${atRequest}`).toEqual(EXPECTED);
  world.clock.stop();
  return died.crashed;
}

describe('a run that is cut off at any request', () => {
  it.each<CrashMoment>(['before', 'after'])(
    '%s it is carried out leaves nothing that the next one does not finish',
    async (moment) => {
      let atRequest = 0;
      while (await cutOffAt(atRequest, moment)) {
        atRequest += 1;
        expect(atRequest).toBeLessThan(REQUESTS_MAX);
      }
      expect(atRequest).toBeGreaterThan(20);
    },
  );
});
