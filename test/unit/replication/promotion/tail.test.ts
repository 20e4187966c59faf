import { describe, expect, it } from 'vitest';
import type { Groups } from '../../../../lib/groups.ts';
import { openGroups } from '../../../../lib/open-groups.ts';
import { engineParts } from '../../../../lib/open-log.ts';
import { openErrands } from '../../../../lib/replication/groups/open-errands.ts';
import { LEASE_MS } from '../../../../lib/replication/lease.ts';
import { type CrashMoment, crashingProcess } from '../../../support/crashing-ports.ts';
import { batchOf, openMemoryLog, refusal } from '../../../support/log-on-memory.ts';
import { memoryTransactions } from '../../../support/memory-transactions.ts';
import { type FlowWorld, flowWorld } from '../flows/flow-world.ts';

const REQUESTS_MAX = 300;
const TAIL = { source: 'west', start: 'promotion' } as const;

/** West is lost with a tail in two partitions, east has taken over, and west is back. */
async function takenOver({ isWritten = true } = {}): Promise<FlowWorld> {
  const world = await flowWorld(['west', 'east']);
  const { log } = world.region('west');
  for (const name of ['bills', 'orders']) await log.createTopic({ name, partitionCount: 2 }, world.call());
  await world.produce('west', 'orders', 0, 'a', 'b');
  await world.produce('west', 'orders', 1, 'c');
  await world.produce('west', 'bills', 0, 'bill');
  await world.flow('east', { source: 'west', policy: 'identity' });
  await world.run('east', 'west');
  await world.produce('west', 'orders', 0, 'late', 'latest');
  await world.produce('west', 'orders', 0, 'last');
  await world.produce('west', 'orders', 1, 'later');
  await world.region('east').flows.promote('west', world.call());
  if (isWritten) {
    await world.produce('east', 'orders', 0, 'ours');
    await world.produce('east', 'bills', 0, 'our bill');
  }
  return world;
}

const groupsOf = (world: FlowWorld, region: string): Groups => {
  const { parts, log } = world.region(region);
  return openGroups(parts, log);
};

const orders = async (world: FlowWorld): Promise<readonly string[][]> => [
  await world.records('east', 'west.orders', 0),
  await world.records('east', 'west.orders', 1),
];
const EXPECTED = [['2:late', '3:latest', '4:last'], ['1:later']];

describe('a flow that begins where topics were promoted', () => {
  it('brings what had not come over beside them, at its own offsets and once', async () => {
    const world = await takenOver();
    await world.flow('east', TAIL);
    await world.run('east', 'west');
    expect(await orders(world)).toEqual(EXPECTED);
    expect(await world.records('east', 'west.bills')).toEqual([]);
    expect(await world.records('east', 'orders')).toEqual(['0:a', '1:b', '2:ours']);
    const { progress } = await world.region('east').flows.describe('west', world.call());
    expect(progress).toMatchObject({ lagRecords: 0, percent: 100 });
    expect(progress?.topics.map(({ sourceTopic, topic, state }) => [sourceTopic, topic, state])).toEqual([
      ['bills', 'west.bills', 'CAUGHT_UP'],
      ['orders', 'west.orders', 'CAUGHT_UP'],
    ]);
    await world.run('east', 'west');
    expect(await orders(world)).toEqual(EXPECTED);
  });

  it('gives groups its beginning where they had not come so far, and their positions behind it', async () => {
    const world = await takenOver();
    const there = groupsOf(world, 'west');
    const here = groupsOf(world, 'east');
    for (const [groupId, offset] of [
      ['behind', 1],
      ['within', 4],
    ] as const) {
      await there.commit({ groupId, offsets: [{ topic: 'orders', partition: 0, offset }] }, world.call());
    }
    await world.flow('east', TAIL);
    const errands = openErrands(world.region('east').parts, { region: 'east' });
    for (let runs = 0; runs < 2; runs += 1) {
      await world.run('east', 'west', { errands });
      // Never before what it is a position in.
      for (const groupId of ['behind', 'within']) {
        const found = await here.committed(groupId, undefined, world.call());
        expect(found.filter(({ offset }) => offset < 2)).toEqual([]);
      }
      await world.clock.sleep(60_000);
    }
    for (const [groupId, offset] of [
      ['behind', 2],
      ['within', 4],
    ] as const) {
      expect(await here.committed(groupId, undefined, world.call())).toMatchObject([
        { topic: 'west.orders', partition: 0, offset },
      ]);
    }
  });

  it('copies nothing else: no topic that was not promoted, or that was made anew', async () => {
    const world = await takenOver();
    const { log } = world.region('west');
    await log.createTopic({ name: 'other' }, world.call());
    await log.createTopic({ name: 'heartbeats' }, world.call());
    await log.deleteTopic('bills', world.call());
    await log.createTopic({ name: 'bills' }, world.call());
    await world.flow('east', TAIL);
    await world.run('east', 'west');
    expect(await world.topics('east')).toEqual(['bills', 'orders', 'west.orders']);
  });

  it('copies partitions whole that the copy did not have', async () => {
    const world = await takenOver();
    await world.region('west').log.createPartitions('orders', 3, world.call());
    await world.produce('west', 'orders', 2, 'third');
    await world.flow('east', TAIL);
    await world.run('east', 'west');
    expect(await orders(world)).toEqual(EXPECTED);
    expect(await world.records('east', 'west.orders', 2)).toEqual(['0:third']);
  });

  it.each([true, false])(
    'leaves out what a replicator brought after the promotion; written here since: %s',
    async (isWritten) => {
      const world = await takenOver({ isWritten: false });
      // As one would have left it that had sent its chunk before and was heard late.
      const west = world.region('west');
      const { hot } = world.region('east').parts;
      const idOf = async (region: typeof west): Promise<string> =>
        (await region.log.describeTopic('orders', world.call())).topicId;
      const source = `${await idOf(west)}:0`;
      const target = `${await idOf(world.region('east'))}:0`;
      const { createCopier } = await import('../../../../lib/replication/copy/create-copier.ts');
      const { observeNow } = await import('../../../../lib/storage/observation.ts');
      const copier = createCopier({ source: west.parts, target: { ...world.region('east').parts, hot } });
      const one = copier.partition({
        sourcePk: source,
        targetPk: target,
        sourceTopic: 'orders',
        start: 'earliest',
      });
      const settings = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };
      await one.copyOnce({ settings, topicSeen: observeNow(world.clock), bytesMax: 1 }, world.call());
      expect(await world.records('east', 'orders')).toEqual(['0:a', '1:b', '2:late', '3:latest']);
      if (isWritten) await world.produce('east', 'orders', 0, 'ours');
      await world.flow('east', TAIL);
      await world.run('east', 'west');
      expect(await orders(world)).toEqual([['4:last'], ['1:later']]);
    },
  );

  it('begins with the same records after a death at any request', async () => {
    const died = async (atRequest: number, moment: CrashMoment): Promise<boolean> => {
      const world = await takenOver();
      await world.flow('east', TAIL);
      const { storage } = world.region('east');
      const transactions = memoryTransactions({ ...storage, business: new Map() });
      const dying = crashingProcess(storage, transactions, { atRequest, moment });
      const target = engineParts(dying.storage);
      const { crashed } = await dying.live(() => world.run('east', 'west', { idleMs: 0, target }));
      await world.clock.sleep(LEASE_MS + 1_000);
      expect(await world.run('east', 'west', { idleMs: 0 })).toMatchObject({ ended: 'idle' });
      expect(await orders(world), `died ${moment} request ${atRequest}`).toEqual(EXPECTED);
      world.clock.stop();
      return crashed;
    };
    for (let atRequest = 0, goesOn = true; goesOn; atRequest += 1) {
      expect(atRequest).toBeLessThan(REQUESTS_MAX);
      goesOn = await died(atRequest, atRequest % 2 === 0 ? 'before' : 'after');
    }
  }, 60_000);

  it('waits for a source that does not answer, and begins then', async () => {
    const world = await takenOver();
    await world.flow('east', TAIL);
    world.cutOff.add('west');
    expect(await world.run('east', 'west')).toMatchObject({ ended: 'unreachable' });
    expect(await world.topics('east')).toEqual(['bills', 'orders']);
    world.cutOff.clear();
    await world.run('east', 'west');
    expect(await orders(world)).toEqual(EXPECTED);
  });

  it.each(['identity', 'merged'] as const)('is none of policy %s', async (policy) => {
    const world = await flowWorld(['west', 'east']);
    expect(await refusal(world.flow('east', { ...TAIL, policy }))).toBe('INVALID_CONFIG');
  });
});

describe('the region that was lost, made anew from the one that has taken over', () => {
  it('gets the promoted topics under their names, and what had not come over stays beside them', async () => {
    const world = await takenOver();
    await world.flow('east', TAIL);
    await world.run('east', 'west');
    const { log, flows } = world.region('east');
    await flows.delete('west', world.call());
    const west = world.region('west');
    const stale = await openMemoryLog(west.storage);
    const late = { topic: 'orders', partition: 0, batches: batchOf('late') };
    await stale.produce(late, world.call());
    for (const name of ['bills', 'orders']) await west.log.deleteTopic(name, world.call());
    await world.flow('west', { source: 'east', policy: 'identity' });
    await world.produce('east', 'orders', 0, 'next');
    await world.run('west', 'east');
    // Who has not heard of it writes to what is closed, and then to what is read-only.
    expect(await refusal(stale.produce(late, world.call()))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await refusal(stale.produce(late, world.call()))).toBe('POLICY_VIOLATION');
    // Nothing that is west's own comes back to it.
    expect(await world.topics('west')).toEqual(['bills', 'orders']);
    expect(await world.records('west', 'orders')).toEqual(['0:a', '1:b', '2:ours', '3:next']);
    // And back again: now west takes over, and east is made anew.
    expect((await west.flows.promote('east', world.call())).topics).toHaveLength(2);
    for (const name of ['bills', 'orders']) await log.deleteTopic(name, world.call());
    await world.flow('east', { source: 'west', policy: 'identity' });
    await world.produce('west', 'orders', 0, 'home');
    await world.run('east', 'west');
    expect(await world.records('east', 'orders')).toEqual(['0:a', '1:b', '2:ours', '3:next', '4:home']);
    expect(await world.topics('east')).toEqual(['bills', 'orders', 'west.bills', 'west.orders']);
    expect(await orders(world)).toEqual(EXPECTED);
  });
});
