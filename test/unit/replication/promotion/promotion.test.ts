import { describe, expect, it } from 'vitest';
import type { Promotion } from '../../../../lib/flows.ts';
import type { Log } from '../../../../lib/log.ts';
import { openMaintenance } from '../../../../lib/maintenance.ts';
import { openFlows } from '../../../../lib/open-flows.ts';
import { openGroups } from '../../../../lib/open-groups.ts';
import { engineParts } from '../../../../lib/open-log.ts';
import { partitionKey } from '../../../../lib/partition/chunk.ts';
import { encodeBatch, readBatchHeader } from '../../../../lib/record/index.ts';
import { readFlow } from '../../../../lib/replication/flows/flow-store.ts';
import { openErrands } from '../../../../lib/replication/groups/open-errands.ts';
import { LEASE_MS } from '../../../../lib/replication/lease.ts';
import { sealOnce } from '../../../../lib/segment/seal/seal.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../../lib/topic/topic-catalog.ts';
import { crashingProcess } from '../../../support/crashing-ports.ts';
import { batchOf, codecs, openMemoryLog, refusal, textRecord } from '../../../support/log-on-memory.ts';
import { memoryTransactions } from '../../../support/memory-transactions.ts';
import { type FlowWorld, flowWorld } from '../flows/flow-world.ts';

const REQUESTS_MAX = 60;

/** `orders` of two partitions and `bills` of west are in east under their names; of `orders` two records are not. */
async function passive(): Promise<FlowWorld> {
  const world = await flowWorld(['west', 'east']);
  const { log } = world.region('west');
  for (const name of ['bills', 'orders']) await log.createTopic({ name, partitionCount: 2 }, world.call());
  await world.produce('west', 'orders', 0, 'a', 'b');
  await world.produce('west', 'orders', 1, 'c');
  await world.flow('east', { source: 'west', policy: 'identity' });
  await world.run('east', 'west');
  world.cutOff.add('west');
  await world.produce('west', 'orders', 0, 'late');
  await world.produce('west', 'orders', 1, 'later');
  return world;
}

const promote = (world: FlowWorld): Promise<Promotion> =>
  world.region('east').flows.promote('west', world.call());

const sourceId = async (world: FlowWorld, name: string): Promise<string> =>
  (await world.region('west').log.describeTopic(name, world.call())).topicId;

describe('promoting what an identity flow has copied', () => {
  it('makes the copies topics that are written here, behind what has come over; again, it changes nothing', async () => {
    const world = await passive();
    const { log, flows } = world.region('east');
    const promotion = await promote(world);
    expect(promotion).toEqual({
      source: 'west',
      isComplete: true,
      topics: [
        { topic: 'bills', sourceTopicId: await sourceId(world, 'bills'), endOffsets: [0, 0] },
        { topic: 'orders', sourceTopicId: await sourceId(world, 'orders'), endOffsets: [2, 1] },
      ],
    });
    await world.produce('east', 'orders', 0, 'ours');
    expect(await world.records('east', 'orders')).toEqual(['0:a', '1:b', '2:ours']);
    const { remote, promoted } = await log.describeTopic('orders', world.call());
    expect(remote).toBeUndefined();
    expect(promoted).toMatchObject({ source: 'west', endOffsets: [2, 1] });
    expect(await refusal(flows.describe('west', world.call()))).toBe('UNKNOWN_FLOW');
    expect(await promote(world)).toEqual(promotion);
    // They are topics like any other.
    await log.createPartitions('orders', 3, world.call());
    await log.deleteRecords({ topic: 'orders', partition: 0, offset: 1 }, world.call());
    await log.deleteTopic('orders', world.call());
    expect((await promote(world)).topics.map(({ topic }) => topic)).toEqual(['bills']);
  });

  it('goes on in the epoch that the source has come to', async () => {
    const world = await passive();
    world.cutOff.clear();
    const west = world.region('west');
    const topics = new TopicCatalog({ ...west.parts, partitionCountDefault: 1 });
    await topics.raiseLeaderEpoch('orders', 3, world.call());
    const restored = await openMemoryLog(west.storage);
    await restored.produce({ topic: 'orders', partition: 0, batches: batchOf('epoch 3') }, world.call());
    await topics.create({ name: 'later' }, world.call());
    await topics.raiseLeaderEpoch('later', 2, world.call());
    await world.run('east', 'west');
    await promote(world);
    const { log } = world.region('east');
    await world.produce('east', 'orders', 0, 'ours');
    const { batches } = await log.fetch({ topic: 'orders', partition: 0, offset: 0 }, world.call());
    expect(batches.map((batch) => readBatchHeader(batch).leaderEpoch)).toEqual([0, 0, 3, 3]);
    expect((await log.describeTopic('later', world.call())).leaderEpoch).toBe(2);
  });

  it('leaves a log that is sealed, verified and continued by a producer that has moved', async () => {
    const world = await passive();
    const { parts, storage, log } = world.region('east');
    const producerId = await world.region('west').log.allocateProducerId(world.call());
    world.cutOff.clear();
    const send = (to: Log, baseSequence: number) => {
      const batches = encodeBatch(codecs, [textRecord(`${baseSequence}`)], {
        compression: 'none',
        producer: { producerId, producerEpoch: 0, baseSequence },
      });
      return to.produce({ topic: 'bills', partition: 0, batches }, world.call());
    };
    for (const sequence of [0, 1]) await send(world.region('west').log, sequence);
    await world.run('east', 'west');
    await promote(world);
    expect(await send(log, 1)).toMatchObject({ baseOffset: 1, duplicate: true });
    expect(await send(log, 2)).toMatchObject({ baseOffset: 2, duplicate: false });
    await world.produce('east', 'orders', 0, 'ours');
    const settings = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: 604_800_000 };
    for (const name of ['bills', 'orders']) {
      const { topicId } = await log.describeTopic(name, world.call());
      for (const partition of [0, 1]) {
        const pk = partitionKey(topicId, partition);
        while ((await sealOnce(parts, pk, settings, world.call())).kind === 'sealed');
      }
      const { findings } = await openMaintenance(engineParts(storage)).run('verify', name, world.call());
      expect(findings).toEqual([]);
    }
    const orders = await world.records('east', 'orders');
    expect([orders[0], orders.at(-1)]).toEqual(['0:a', `${orders.length - 1}:ours`]);
    expect(await send(await openMemoryLog(storage), 2)).toMatchObject({ baseOffset: 2, duplicate: true });
  });

  it('lets a process write that remembers the topic as a copy', async () => {
    const world = await passive();
    const stale = await openMemoryLog(world.region('east').storage);
    const place = { topic: 'orders', partition: 0 };
    expect(await refusal(stale.produce({ ...place, batches: batchOf('x') }, world.call()))).toBe(
      'POLICY_VIOLATION',
    );
    await promote(world);
    expect((await stale.produce({ ...place, batches: batchOf('x') }, world.call())).baseOffset).toBe(2);
  });

  it('is refused where there is nothing of the kind; then everything stays as it was', async () => {
    const world = await flowWorld(['west', 'east']);
    expect(await refusal(promote(world))).toBe('UNKNOWN_FLOW');
    for (const policy of ['prefixed', 'merged'] as const) {
      await world.flow('east', { source: 'west', policy });
      expect(await refusal(promote(world))).toBe('INVALID_CONFIG');
      expect((await world.region('east').flows.describe('west', world.call())).state).toBe('RUNNING');
      await world.region('east').flows.delete('west', world.call());
    }
  });

  it('leaves the copy of the heartbeats a copy', async () => {
    const world = await passive();
    world.cutOff.clear();
    await world.region('west').log.createTopic({ name: 'heartbeats' }, world.call());
    await world.run('east', 'west');
    expect((await promote(world)).topics.map(({ topic }) => topic)).toEqual(['bills', 'orders']);
    const { remote } = await world.region('east').log.describeTopic('west.heartbeats', world.call());
    expect(remote).toMatchObject({ source: 'west', policy: 'identity' });
  });

  it('waits for a replicator that is at work, which ends within seconds', async () => {
    const world = await passive();
    world.cutOff.clear();
    const running = world.run('east', 'west', { idleMs: 600_000 });
    await world.clock.sleep(1_000);
    const short = { ...world.call(), deadlineMs: world.clock.monotonicMs() + 3_000 };
    const begun = await world.region('east').flows.promote('west', short);
    expect(begun).toMatchObject({ isComplete: false, topics: [] });
    const beganMs = world.clock.monotonicMs();
    while (!(await promote(world)).isComplete);
    expect(world.clock.monotonicMs() - beganMs).toBeLessThan(15_000);
    expect(await running).toMatchObject({ ended: 'noFlow' });
  });

  it('goes on where it was cut off, at whichever request', async () => {
    for (let atRequest = 1, died = true; died; atRequest += 1) {
      expect(atRequest).toBeLessThan(REQUESTS_MAX);
      for (const moment of ['before', 'after'] as const) {
        const world = await passive();
        const { storage } = world.region('east');
        const transactions = memoryTransactions({ ...storage, business: new Map() });
        const dying = crashingProcess(storage, transactions, { atRequest, moment });
        const flows = openFlows(engineParts(dying.storage), {
          region: 'east',
          sources: async () => ({}),
        });
        died = (await dying.live(() => flows.promote('west', world.call()))).crashed;
        const { isComplete, topics } = await promote(world);
        expect([isComplete, topics.length]).toEqual([true, 2]);
        await world.produce('east', 'orders', 0, 'ours');
        expect(await world.records('east', 'orders')).toEqual(['0:a', '1:b', '2:ours']);
        world.clock.stop();
      }
    }
  });
});

describe('a replicator that does not know of the promotion', () => {
  /** It sleeps with the first put of a chunk that it is about to send. */
  async function asleep(world: FlowWorld): Promise<{ wake(): void; readonly running: Promise<unknown> }> {
    const { storage } = world.region('east');
    const sleeping = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const hot: Table<number> = {
      ...storage.hot,
      put: async (...args) => {
        sleeping.resolve();
        await woken.promise;
        return storage.hot.put(...args);
      },
    };
    world.cutOff.clear();
    const target = engineParts({ ...storage, hot });
    const running = world.run('east', 'west', { target, idleMs: 5_000 });
    await sleeping.promise;
    return { wake: woken.resolve, running };
  }

  const promoted = async (world: FlowWorld): Promise<void> => {
    const lastMs = world.clock.monotonicMs() + 2 * LEASE_MS;
    while (!(await promote(world)).isComplete) expect(world.clock.monotonicMs()).toBeLessThan(lastMs);
  };

  it('adds nothing behind what was written here', async () => {
    const world = await passive();
    const sleeper = await asleep(world);
    await promoted(world);
    for (const partition of [0, 1]) await world.produce('east', 'orders', partition, 'ours');
    sleeper.wake();
    await sleeper.running;
    expect(await world.records('east', 'orders', 0)).toEqual(['0:a', '1:b', '2:ours']);
    expect(await world.records('east', 'orders', 1)).toEqual(['0:c', '1:ours']);
  });

  it('adds what it had sent where nobody has written, at its own offset, and nothing more', async () => {
    const world = await passive();
    await world.produce('west', 'orders', 0, 'latest');
    const sleeper = await asleep(world);
    await promoted(world);
    sleeper.wake();
    await sleeper.running;
    const found = await world.records('east', 'orders', 0);
    expect(['2:late', '3:latest'].slice(0, found.length - 2)).toEqual(found.slice(2));
    await world.clock.sleep(120_000);
    expect(await world.records('east', 'orders', 0)).toEqual(found);
    await world.produce('east', 'orders', 0, 'ours');
    expect(await world.records('east', 'orders', 0)).toEqual([...found, `${found.length}:ours`]);
  });

  it('that has slept between two chunks finds out before it adds anything', async () => {
    const world = await passive();
    world.cutOff.clear();
    const { parts, storage } = world.region('east');
    const { createCopier } = await import('../../../../lib/replication/copy/create-copier.ts');
    const { observeNow } = await import('../../../../lib/storage/observation.ts');
    const { topicId } = await world.region('east').log.describeTopic('orders', world.call());
    const copier = createCopier({ target: parts, source: world.region('west').parts }).partition({
      sourcePk: partitionKey(await sourceId(world, 'orders'), 0),
      targetPk: partitionKey(topicId, 0),
      sourceTopic: 'orders',
      targetTopic: 'orders',
      start: 'earliest',
    });
    const topicSeen = observeNow(storage.clock);
    const settings = { hotRetentionMs: 604_800_000, inlineBytesMax: -1 };
    const step = () => copier.copyOnce({ settings, topicSeen }, world.call());
    expect((await step()).kind).toBe('copied');
    await promote(world);
    await world.produce('west', 'orders', 0, 'more');
    await world.clock.sleep(90_000);
    expect(await step()).toEqual({ kind: 'released', position: 3 });
    expect(await world.records('east', 'orders', 0)).toEqual(['0:a', '1:b', '2:late']);
  });

  it('does not decide any more where an empty copy begins', async () => {
    const world = await flowWorld(['west', 'east']);
    await world.region('west').log.createTopic({ name: 'orders', partitionCount: 1 }, world.call());
    await world.produce('west', 'orders', 0, 'old', 'older');
    await world.flow('east', { source: 'west', policy: 'identity', start: 'latest' });
    const { storage } = world.region('east');
    const sleeping = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const catalog: Table<string> = {
      ...storage.catalog,
      put: async (item, ...args) => {
        if (item.sk === 'start') {
          sleeping.resolve();
          await woken.promise;
        }
        return storage.catalog.put(item, ...args);
      },
    };
    const running = world.run('east', 'west', { target: engineParts({ ...storage, catalog }) });
    await sleeping.promise;
    await promoted(world);
    await world.produce('east', 'orders', 0, 'ours');
    woken.resolve();
    await running;
    expect(await world.records('east', 'orders')).toEqual(['0:ours']);
    expect((await promote(world)).topics[0]?.endOffsets).toEqual([0]);
  });

  it('carries no position into what was written here', async () => {
    const world = await passive();
    const { storage, flows } = world.region('east');
    const west = world.region('west');
    const groupId = 'billing';
    const offsets = [{ topic: 'orders', partition: 0, offset: 3 }];
    await openGroups(west.parts, west.log).commit({ groupId, offsets }, world.call());
    const { flow } = await readFlow(storage, 'west', world.call());
    const [source, target] = await Promise.all(
      [west.parts, world.region('east').parts].map((parts) =>
        new TopicCatalog({ ...parts, partitionCountDefault: 1 }).describe('orders', world.call()),
      ),
    );
    if (flow === undefined || source === undefined || target === undefined) throw new Error('not there');
    const asleep = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const hot: Table<number> = {
      ...storage.hot,
      query: async (...args) => {
        asleep.resolve();
        await woken.promise;
        return storage.hot.query(...args);
      },
    };
    const errands = openErrands(engineParts({ ...storage, hot }), { region: 'east' });
    const context = { flow, source: { alias: 'west', parts: west.parts }, copiedRecords: 0 };
    const errand = errands.find(({ name }) => name.includes('group')) ?? errands[0];
    const running = errand?.run({ ...context, topics: [{ source, target }] }, world.call());
    await asleep.promise;
    await flows.promote('west', world.call());
    await world.produce('east', 'orders', 0, 'ours', 'ours, too');
    woken.resolve();
    await running;
    const here = openGroups(world.region('east').parts, world.region('east').log);
    const found = await here.committed(groupId, undefined, world.call());
    expect(found.filter(({ offset }) => offset > 2)).toEqual([]);
  });

  it('sets no configs and adds no partitions', async () => {
    const world = await passive();
    world.cutOff.clear();
    const west = world.region('west').log;
    await west.alterConfigs(
      'orders',
      [{ name: 'retention.ms', value: '5' }],
      { validateOnly: false },
      world.call(),
    );
    await west.createPartitions('orders', 4, world.call());
    const { storage } = world.region('east');
    let isPromoted = false;
    const catalog: Table<string> = {
      ...storage.catalog,
      put: async (item, ...args) => {
        // Between its look at the topics and what it makes of it.
        if (item.sk === 'orders' && !isPromoted) {
          isPromoted = true;
          const seen = (
            await storage.catalog.get({ pk: item.pk, sk: 'orders' }, { consistent: true }, world.call())
          ).item;
          if (seen !== undefined) {
            const { r: _remote, ...attributes } = seen.attributes;
            const m = { s: 'west', i: await sourceId(world, 'orders'), e: '2 1' };
            await storage.catalog.put(
              { ...seen, version: 'promoted', attributes: { ...attributes, m } },
              { condition: { kind: 'ifVersion', version: seen.version } },
              world.call(),
            );
          }
        }
        return storage.catalog.put(item, ...args);
      },
    };
    await world.run('east', 'west', { target: engineParts({ ...storage, catalog }), idleMs: 0 });
    expect(isPromoted).toBe(true);
    expect(await world.region('east').log.describeTopic('orders', world.call())).toMatchObject({
      partitionCount: 2,
      configs: {},
    });
  });
});
