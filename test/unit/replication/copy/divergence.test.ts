import { beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '../../../../lib/open-log.ts';
import { openRegion } from '../../../../lib/open-region.ts';
import { chunkFromItem } from '../../../../lib/partition/chunk.ts';
import type { CopyOutcome } from '../../../../lib/replication/copy/copy-outcome.ts';
import { TopicCatalog } from '../../../../lib/topic/topic-catalog.ts';
import { batchOf } from '../../../support/log-on-memory.ts';
import { openRegions, type Region, type Regions } from './regions.ts';

let regions: Regions;
beforeEach(async () => {
  regions = await openRegions();
  await regions.source.produce(['a', 'b']);
  await regions.source.produce(['c', 'd']);
  await regions.copyAll();
});

/** What a restore to an earlier time leaves of a partition that was never sealed. */
async function cutTo({ storage, pk, call }: Region, end: number): Promise<void> {
  const { items } = await storage.hot.query(pk, { limit: 100, consistent: true }, call());
  for (const item of items.filter((one) => chunkFromItem(one).endOffset > end)) {
    await storage.hot.delete({ pk, sk: item.sk }, { ifVersion: item.version }, call());
  }
}

/** A new process, which knows nothing of what was. */
const resume = async (): Promise<CopyOutcome> => (await regions.copyAll()).at(-1) as CopyOutcome;

async function rewritten(values: readonly string[], leaderEpoch = 0): Promise<void> {
  const { source } = regions;
  await cutTo(source, 2);
  if (leaderEpoch > 0) {
    const topics = new TopicCatalog({ ...source.parts, partitionCountDefault: 1 });
    await topics.raiseLeaderEpoch('orders', leaderEpoch, source.call());
  }
  const log = await openLog(source.storage, source.call());
  await log.produce({ topic: 'orders', partition: 0, batches: batchOf(...values) }, source.call());
  await log.produce({ topic: 'orders', partition: 0, batches: batchOf('more') }, source.call());
}

describe('a source that is not what it was', () => {
  it('stops the copying where other records stand at the offsets that were copied last', async () => {
    await rewritten(['x', 'y']);
    const outcome = await resume();
    expect(outcome).toEqual(expect.objectContaining({ kind: 'diverged', position: 4 }));
    expect((outcome as { reason: string }).reason).toContain('offset 2');
    expect(await regions.target.records()).toHaveLength(4);
  });

  it('stops it where the epoch is another one', async () => {
    await rewritten(['c', 'd'], 1);
    expect(await resume()).toEqual(
      expect.objectContaining({ kind: 'diverged', reason: expect.stringContaining('epoch 1') }),
    );
  });

  it('stops it where the batches do not meet', async () => {
    await rewritten(['c', 'd', 'e']);
    expect((await resume()).kind).toBe('diverged');
  });

  it('stops it where the source ends before its copy', async () => {
    await cutTo(regions.source, 2);
    expect(await resume()).toEqual(
      expect.objectContaining({ kind: 'diverged', reason: expect.stringContaining('ends at offset 2') }),
    );
  });

  it('stays stopped in the process that found it, and is found by every other', async () => {
    await rewritten(['x', 'y']);
    const copier = regions.copier();
    for (let i = 0; i < 3; i += 1) expect((await regions.step(copier)).kind).toBe('diverged');
    expect((await resume()).kind).toBe('diverged');
  });

  it('is held against the copy again by a copier that slept', async () => {
    const copier = regions.copier();
    await regions.source.produce(['e']);
    await regions.copyAll(copier);
    await cutTo(regions.source, 2);
    regions.clock.advance(86_400_000);
    await rewritten(['x', 'y']);
    await regions.source.produce(['z']);
    await regions.source.produce(['z']);
    const outcomes = await regions.copyAll(copier);
    expect(outcomes.at(-1)?.kind).toBe('diverged');
    expect((await regions.target.records()).at(-1)).toBe('4:∅=e');
  });

  it('does not stop it where compaction has rewritten the batch that was copied last', async () => {
    const compacted = await openRegions({ configs: { 'cleanup.policy': 'compact' } });
    const { source, target, copyAll } = compacted;
    await source.produce(['old', 'old', 'newest'], { key: 'k' });
    await copyAll();
    await source.produce(['x'], { key: 'l' });
    await source.seal();
    await source.compact();
    expect((await copyAll()).at(-1)).toEqual({ kind: 'caughtUp', position: 4 });
    expect((await target.records()).at(-1)).toBe('3:l=x');
    // And where it has taken that batch altogether.
    await source.produce(['y'], { key: 'l' });
    await source.seal();
    await source.compact();
    expect((await copyAll()).at(-1)).toEqual({ kind: 'caughtUp', position: 5 });
    expect((await source.records()).map((text) => text.split(':')[0])).toEqual(['2', '4']);
  });
});

describe('a topic of the source that was deleted', () => {
  it('is told, and nothing is taken from what was left of it', async () => {
    await regions.source.produce(['e']);
    await regions.source.log.deleteTopic('orders', regions.source.call());
    expect(await resume()).toEqual({ kind: 'sourceGone', position: 4 });
  });

  it('is told when it is there again under its name, and never mixed', async () => {
    const { log, call } = regions.source;
    await regions.source.produce(['e']);
    await log.deleteTopic('orders', call());
    const { topicId } = await log.createTopic({ name: 'orders' }, call());
    await log.produce({ topic: 'orders', partition: 0, batches: batchOf('other') }, call());
    expect(await resume()).toEqual({ kind: 'sourceRecreated', position: 4, topicId });
    expect(await regions.target.records()).toHaveLength(4);
  });

  it('is told instead of a divergence, when what it left has been removed', async () => {
    const { log, call, storage, pk } = regions.source;
    await log.deleteTopic('orders', call());
    const { items } = await storage.hot.query(pk, { limit: 100, consistent: true }, call());
    for (const { sk, version } of items) await storage.hot.delete({ pk, sk }, { ifVersion: version }, call());
    expect(await resume()).toEqual({ kind: 'sourceGone', position: 4 });
  });
});

describe('a remote topic', () => {
  it('that was deleted is told as closed', async () => {
    const { target, source } = regions;
    await target.log.deleteTopic('east.orders', target.call());
    await source.produce(['e']);
    expect(await resume()).toEqual({ kind: 'closed', position: 4 });
  });

  it('that was deleted long ago is not brought back by a look from then', async () => {
    const { target, clock, source, copier, step } = regions;
    await source.produce(['e']);
    const topicSeen = { sentWallMs: clock.wallMs(), sentMonotonicMs: clock.monotonicMs() };
    clock.advance(3_700_000);
    const outcome = await step(copier(), { topicSeen });
    expect(outcome).toEqual(expect.objectContaining({ kind: 'failed', side: 'target' }));
    expect(await target.latest()).toBe(4);
  });

  it('whose region is frozen is told as closed, and copied on as soon as it is thawed', async () => {
    const { target, source, copier, step, copyAll } = regions;
    const one = copier();
    await step(one);
    const region = openRegion(target.parts);
    await region.freeze(target.call());
    await source.produce(['e']);
    expect((await step(one)).kind).toBe('closed');
    expect((await step(one)).kind).toBe('closed');
    await region.thaw(target.call());
    expect((await copyAll(one)).at(-1)).toEqual({ kind: 'caughtUp', position: 5 });
    expect(await target.batches()).toEqual(await source.batches());
    expect(await target.findings()).toEqual([]);
  });

  it('is whole when its source is frozen and it has caught up', async () => {
    const { target, source, copyAll } = regions;
    await source.produce(['e']);
    await openRegion(source.parts).freeze(source.call());
    expect((await copyAll()).at(-1)).toEqual({ kind: 'caughtUp', position: 5 });
    expect(await target.batches()).toEqual(await source.batches());
  });

  it('that was let go under a copier gets nothing behind what its users wrote', async () => {
    const { target, source, copier, step, copyAll } = regions;
    const one = copier();
    await step(one);
    const topics = new TopicCatalog({ ...target.parts, partitionCountDefault: 1 });
    const seen = await topics.describe('east.orders', target.call());
    await topics.promote(seen, { source: 'east', topicId: 'i', endOffsets: [4] }, target.call());
    const log = await openLog(target.storage, target.call());
    await log.produce({ topic: 'east.orders', partition: 0, batches: batchOf('ours') }, target.call());
    await source.produce(['e', 'f']);
    await source.produce(['g']);
    expect((await copyAll(one)).at(-1)?.kind).toBe('diverged');
    expect((await target.records()).at(-1)).toBe('4:∅=ours');
  });
});
