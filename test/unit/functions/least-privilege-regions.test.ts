import { describe, expect, it } from 'vitest';
import { PERMISSIONS, SOURCE_PERMISSIONS } from '../../../infra/constructs/permissions.ts';
import { openFlows } from '../../../lib/open-flows.ts';
import { openGroups } from '../../../lib/open-groups.ts';
import { engineParts, openLog } from '../../../lib/open-log.ts';
import { openPositions } from '../../../lib/open-positions.ts';
import { openTranslation } from '../../../lib/open-translation.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { openErrands } from '../../../lib/replication/groups/open-errands.ts';
import { runFlow } from '../../../lib/replication/replicator.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { clusterIdOf } from '../../../lib/topic/cluster-id.ts';
import { batchOf, memoryStorage, newCall } from '../../support/log-on-memory.ts';
import { virtualClock } from '../storage/virtual-clock.ts';
import { guarded, refusals } from './guarded-storage.ts';

describe('the rights of a replicator, here and in its source', () => {
  it('are enough to copy topics, spilled chunks, positions of groups, and what MirrorMaker notes', async () => {
    const clock = virtualClock();
    const call = () => newCall(clock);
    const [us, eu] = [memoryStorage(clock), memoryStorage(clock)];
    const log = await openLog(us, call());
    const groups = openGroups(engineParts(us), log);
    await log.createTopic({ name: 'orders', partitionCount: 2 }, call());
    await log.produce({ topic: 'orders', partition: 0, batches: batchOf('a', 'b') }, call());
    await log.produce({ topic: 'orders', partition: 1, batches: batchOf('x'.repeat(100_000)) }, call());
    const offsets = [{ topic: 'orders', partition: 0, offset: 1 }];
    await groups.commit({ groupId: 'g', offsets }, call());
    // A member that died here is in the way, and is expelled.
    const here = openGroups(engineParts(eu), await openLog(eu, call()));
    const dead = {
      groupId: 'g',
      memberId: 'dead',
      memberEpoch: 0,
      owned: [],
      subscription: { topics: ['t'] },
    };
    await here.heartbeat(dead, call());
    await clock.sleep(300_000);

    const source = engineParts(guarded(us, { name: 'source', permissions: SOURCE_PERMISSIONS }));
    const target = engineParts(guarded(eu, { name: 'replicator', permissions: PERMISSIONS.replicator }));
    await clusterIdOf(target, call());
    const faults: unknown[] = [];
    const parts = {
      target,
      region: 'eu',
      sources: async () => source,
      errands: openErrands(target, { region: 'eu' }),
      onFault: (cause: unknown) => void faults.push(cause),
    };
    await openFlows(target, parts).create({ source: 'us' }, call());
    for (let run = 0; run < 3; run += 1) {
      const time = { idleMs: run * 20_000, deadlineMs: clock.monotonicMs() + 120_000 };
      expect(await runFlow(parts, 'us', time)).toMatchObject({ ended: 'idle' });
    }

    const there = await openLog(eu, call());
    const topics = (await there.listTopics(call())).map(({ name }) => name);
    expect(topics).toEqual(expect.arrayContaining(['us.orders', 'us.checkpoints.internal', 'heartbeats']));
    const ended = await there.listOffsets({ topic: 'us.orders', partition: 0, at: 'latest' }, call());
    expect(ended.offset).toBe(2);
    expect(await here.committed('g', undefined, call())).toMatchObject([{ topic: 'us.orders', offset: 1 }]);
    expect([...faults, ...refusals]).toEqual([]);
  });
});

describe('the rights of who translates, here and in the other region', () => {
  it('are enough for what a group has committed there, sealed and merged, and to move positions here', async () => {
    const clock = virtualClock();
    const call = () => newCall(clock);
    const [us, eu] = [memoryStorage(clock), memoryStorage(clock)];
    const [parts, here] = [engineParts(us), engineParts(eu)];
    const [log, there] = [await openLog(eu, call()), await openLog(us, call())];
    await there.createTopic({ name: 'orders', partitionCount: 1 }, call());
    const produce = (into: typeof log, values: readonly string[]) =>
      into.produce({ topic: 'orders', partition: 0, batches: batchOf(...values) }, call());
    await produce(there, ['a', 'x'.repeat(100_000)]);
    const onFault = (cause: unknown): void => void refusals.push(String(cause));
    const sources = async () => parts;
    await openFlows(here, { region: 'eu', sources }).create({ source: 'us', policy: 'merged' }, call());
    const run = () =>
      runFlow({ target: here, region: 'eu', sources, onFault }, 'us', {
        idleMs: 0,
        deadlineMs: clock.monotonicMs() + 120_000,
      });
    await run();
    await produce(log, ['own']);
    for (const [own, topic] of [
      [parts, there],
      [here, log],
    ] as const) {
      const { topicId } = await topic.resolveTopic('orders', call());
      const settings = { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: 604_800_000 };
      await sealOnce(own, partitionKey(topicId, 0), settings, call());
    }
    await produce(there, ['b', 'c']);
    await run();
    const offsets = [{ topic: 'orders', partition: 0, offset: 3 }];
    await openGroups(parts, there).commit({ groupId: 'g', offsets }, call());

    const mine = engineParts(guarded(eu, { name: 'translator', permissions: PERMISSIONS.translator }));
    const source = engineParts(guarded(us, { name: 'source', permissions: SOURCE_PERMISSIONS }));
    const translation = openTranslation(mine, { region: 'eu', sources: async () => source });
    const found = await translation.translate({ groupId: 'g', source: 'us' }, call());
    expect(found).toMatchObject([{ topic: 'orders', sourceOffset: 3, offset: 2 }]);
    const opened = await openLog(
      {
        ...guarded(eu, { name: 'translator', permissions: PERMISSIONS.translator }),
        clusterId: log.clusterId,
      },
      call(),
    );
    const reset = { topic: 'orders', partition: 0, to: { timestampMs: 0 } };
    const moved = await openPositions(mine, opened).resetOffsets('g', [reset], call());
    expect(moved).toMatchObject([{ topic: 'orders', offset: 0 }]);
    expect(refusals).toEqual([]);
  });
});
