import { describe, expect, it } from 'vitest';
import type { Log } from '../../../../lib/log.ts';
import { openMaintenance } from '../../../../lib/maintenance.ts';
import { openFlows } from '../../../../lib/open-flows.ts';
import { engineParts } from '../../../../lib/open-log.ts';
import { partitionKey } from '../../../../lib/partition/chunk.ts';
import { encodeBatch, readBatchHeader } from '../../../../lib/record/index.ts';
import { sealOnce } from '../../../../lib/segment/seal/seal.ts';
import { TopicCatalog } from '../../../../lib/topic/topic-catalog.ts';
import { crashingProcess } from '../../../support/crashing-ports.ts';
import { batchOf, codecs, openMemoryLog, refusal, textRecord } from '../../../support/log-on-memory.ts';
import { memoryTransactions } from '../../../support/memory-transactions.ts';
import { flowWorld } from '../flows/flow-world.ts';
import { passive, promote, sourceId } from './stand-by.ts';

const REQUESTS_MAX = 60;

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
