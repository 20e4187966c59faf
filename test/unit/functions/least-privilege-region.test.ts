import { describe, expect, it } from 'vitest';
import { openFlows } from '../../../lib/open-flows.ts';
import { engineParts, openLog } from '../../../lib/open-log.ts';
import { openRegion } from '../../../lib/open-region.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { batchOf, newCall, refusal } from '../../support/log-on-memory.ts';
import { clock, refusals, storageOf } from './guarded-storage.ts';

const call = (): ReturnType<typeof newCall> => newCall(clock);

describe('what regions need is within the rights of the function that does it', () => {
  it('admin freezes, makes topics and deletes them meanwhile, and thaws; produce learns of it', async () => {
    const admin = await openLog(storageOf('admin'), call());
    const producer = await openLog({ ...storageOf('produce'), clusterId: admin.clusterId }, call());
    const region = openRegion(engineParts(storageOf('admin')));
    const produce = (topic: string): Promise<unknown> =>
      producer.produce({ topic, partition: 0, batches: batchOf('a') }, call());
    await admin.createTopic({ name: 't', partitionCount: 2 }, call());
    await produce('t');
    expect(await region.freeze(call())).toMatchObject({ state: 'FROZEN', isComplete: true });
    expect(await refusal(produce('t'))).toBe('REGION_FROZEN');
    await admin.createTopic({ name: 'new' }, call());
    await admin.createPartitions('new', 2, call());
    await admin.deleteTopic('t', call());
    // What the replicator makes of a new topic of its source while this region is frozen.
    const topics = new TopicCatalog({ ...engineParts(storageOf('replicator')), partitionCountDefault: 1 });
    const remote = { source: 'west', topic: 'x', topicId: 'i', policy: 'prefixed' } as const;
    await topics.create({ name: 'west.x', remote }, call());
    expect(await region.describe(call())).toMatchObject({
      partitionCount: 3,
      closedCount: 3,
      isComplete: true,
    });
    expect(await region.thaw(call())).toMatchObject({ state: 'OPEN', isComplete: true });
    await produce('new');
    expect(refusals).toEqual([]);
  });

  it('admin manages flows', async () => {
    const parts = engineParts(storageOf('admin'));
    const flows = openFlows(parts, { region: 'east', sources: async (alias) => ({ alias }) });
    await flows.create({ source: 'west' }, call());
    expect((await flows.pause('west', call())).state).toBe('PAUSED');
    expect((await flows.resume('west', call())).state).toBe('RUNNING');
    expect(await flows.list(call())).toHaveLength(1);
    await flows.delete('west', call());
    expect(refusals).toEqual([]);
  });

  it('admin promotes what an identity flow has copied, and produce writes to it', async () => {
    const parts = engineParts(storageOf('admin'));
    const flows = openFlows(parts, { region: 'east', sources: async (alias) => ({ alias }) });
    await flows.create({ source: 'west', policy: 'identity' }, call());
    const topics = new TopicCatalog({ ...engineParts(storageOf('replicator')), partitionCountDefault: 1 });
    const remote = { source: 'west', topic: 'stood-by', topicId: 'i', policy: 'identity' } as const;
    await topics.create({ name: 'stood-by', remote }, call());
    expect(await flows.promote('west', call())).toMatchObject({ isComplete: true });
    const admin = await openLog(storageOf('admin'), call());
    const producer = await openLog({ ...storageOf('produce'), clusterId: admin.clusterId }, call());
    await producer.produce({ topic: 'stood-by', partition: 0, batches: batchOf('a') }, call());
    const reader = await openLog({ ...storageOf('fetch'), clusterId: admin.clusterId }, call());
    expect(await reader.describeOrigins({ topic: 'stood-by', partition: 0 }, call())).toMatchObject({
      ownEndOffset: 1,
    });
    expect(refusals).toEqual([]);
  });
});
