import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../lib/engine-parts.ts';
import { expireGroups, type GroupExpiryReport, QUIET_MS } from '../../../lib/group/ending/expire-groups.ts';
import { groupKey } from '../../../lib/group/group-item.ts';
import { LIMITS } from '../../../lib/limits.ts';
import { openMaintenance } from '../../../lib/maintenance.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { ALL_RULES } from '../../../lib/rules.ts';
import { at, GROUP, positions, type Scene, scene, take } from './offset-support.ts';

const DAY_MS = 86_400_000;

const job = (s: Scene, parts: EngineParts = engineParts(s.storage)): Promise<GroupExpiryReport> =>
  expireGroups(parts, s.call());

describe('the job', () => {
  it('lets a group expire a week after the last sign of life, not by the age of its commits', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const process = await s.process();
    await take(process, a, [0], s.call());
    await process.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 5)] }, s.call());
    for (let day = 0; day < 30; day += 1) {
      s.clock.advance(DAY_MS);
      // A heartbeat.
      await s.assign(['a']);
      expect(await job(s)).toMatchObject({ expiredCount: 0, removedOffsetCount: 0 });
    }
    expect(await positions(process, s.call())).toEqual(['0:5']);
    await s.assign([]);
    s.clock.advance(QUIET_MS);
    expect(await job(s)).toMatchObject({ expiredCount: 0 });
    expect(await positions(process, s.call())).toEqual(['0:5']);
    s.clock.advance(1);
    expect(await job(s)).toMatchObject({ groupCount: 1, expiredCount: 1 });
    expect(await process.groups.list(s.call())).toEqual([]);
    expect(await positions(process, s.call())).toEqual([]);
  });

  it('that goes by the age of commits takes an active group’s place: the rule is needed', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const process = await s.process();
    await take(process, a, [0], s.call());
    await process.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 5)] }, s.call());
    s.clock.advance(LIMITS.offsetsRetentionMs + 1);
    await s.assign(['a']);
    const parts = { ...engineParts(s.storage), rules: { ...ALL_RULES, offsetsOutliveQuiet: false } };
    expect(await job(s, parts)).toMatchObject({ removedOffsetCount: 1 });
    expect(await positions(process, s.call())).toEqual([]);
  });

  it('keeps a group that is used from outside now and then', async () => {
    const s = await scene();
    const process = await s.process();
    for (let day = 0; day < 30; day += 5) {
      await process.groups.commit({ groupId: GROUP, offsets: [at(0, day / 5)] }, s.call());
      s.clock.advance(5 * DAY_MS);
      expect(await job(s)).toMatchObject({ expiredCount: 0 });
    }
    s.clock.advance(QUIET_MS);
    expect(await job(s)).toMatchObject({ expiredCount: 1 });
  });

  it('does not take a group that somebody commits to, or joins, between its look and its put', async () => {
    for (const awake of ['commit', 'join'] as const) {
      const s = await scene();
      const process = await s.process();
      await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
      s.clock.advance(QUIET_MS + 1);
      const { catalog } = s.storage;
      const put: typeof catalog.put = async (item, ...rest) => {
        if (item.pk !== groupKey(GROUP)) return catalog.put(item, ...rest);
        if (awake === 'join') await s.assign(['a']);
        else await process.groups.commit({ groupId: GROUP, offsets: [at(0, 6)] }, s.call());
        return catalog.put(item, ...rest);
      };
      const parts = { ...engineParts(s.storage), catalog: { ...catalog, put } };
      expect(await job(s, parts)).toMatchObject({ expiredCount: 0 });
      expect(await positions(process, s.call())).toEqual([awake === 'join' ? '0:5' : '0:6']);
    }
  });

  it('expels members that died in a group nobody asks for, and a week later the group goes', async () => {
    const s = await scene();
    await s.assign(['a']);
    s.clock.advance(DAY_MS);
    expect(await job(s)).toMatchObject({ expiredCount: 0 });
    expect(await (await s.process()).groups.describe(GROUP, s.call())).toMatchObject({
      state: 'EMPTY',
      members: [],
    });
    s.clock.advance(QUIET_MS + 1);
    expect(await job(s)).toMatchObject({ expiredCount: 1 });
    // What the member has left goes too; the item in the group's place goes by itself.
    await job(s);
    const range = { limit: 10, consistent: true };
    expect((await s.storage.catalog.query(groupKey(GROUP), range, s.call())).items).toHaveLength(1);
  });

  it('removes positions in topics that are gone, and no others', async () => {
    const s = await scene();
    const process = await s.process();
    await process.log.createTopic({ name: 'gone' }, s.call());
    await process.log.createTopic({ name: 'again' }, s.call());
    const offsets = [
      at(0, 5),
      { topic: 'gone', partition: 0, offset: 0 },
      { topic: 'again', partition: 0, offset: 0 },
    ];
    await process.groups.commit({ groupId: GROUP, offsets }, s.call());
    await process.log.deleteTopic('gone', s.call());
    await process.log.deleteTopic('again', s.call());
    await process.log.createTopic({ name: 'again' }, s.call());
    expect(await job(s)).toMatchObject({ groupCount: 1, removedOffsetCount: 2, expiredCount: 0 });
    expect(await positions(process, s.call())).toEqual(['0:5']);
  });

  it('goes on where its time ran out', async () => {
    const s = await scene();
    const process = await s.process();
    const ids = Array.from({ length: 40 }, (_, i) => `g${String(i).padStart(2, '0')}`);
    for (const groupId of ids) await process.groups.commit({ groupId, offsets: [at(0, 1)] }, s.call());
    s.clock.advance(QUIET_MS + 1);
    const { catalog } = s.storage;
    const get: typeof catalog.get = async (...args) => {
      s.clock.advance(250);
      return catalog.get(...args);
    };
    const parts = { ...engineParts(s.storage), catalog: { ...catalog, get } };
    const counts: number[] = [];
    for (let isComplete = false; !isComplete; ) {
      const report = await expireGroups(parts, s.call());
      counts.push(report.expiredCount);
      isComplete = report.isComplete;
    }
    expect(counts.length).toBeGreaterThan(1);
    expect(counts.reduce((sum, count) => sum + count)).toBe(ids.length);
    expect(await process.groups.list(s.call())).toEqual([]);
  });

  it('tells of a group that it cannot read, and looks after the others', async () => {
    const s = await scene();
    const process = await s.process();
    for (const groupId of ['a', 'b']) await process.groups.commit({ groupId, offsets: [at(0, 1)] }, s.call());
    const key = { pk: groupKey('a'), sk: 'group' };
    const { item } = await s.storage.catalog.get(key, { consistent: true }, s.call());
    const broken = { ...key, version: 'broken', attributes: { f: 2 } };
    await s.storage.catalog.put(
      broken,
      { condition: { kind: 'ifVersion', version: item?.version ?? '' } },
      s.call(),
    );
    s.clock.advance(QUIET_MS + 1);
    const report = await job(s);
    expect(report).toMatchObject({ expiredCount: 1, isComplete: true });
    expect(report.failures).toMatchObject([{ groupId: 'a', reason: expect.stringContaining('format 2') }]);
  });

  it('is a part of the sweep', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 1)] }, s.call());
    s.clock.advance(QUIET_MS + 1);
    const report = await openMaintenance(engineParts(s.storage)).run('sweep', 'orders', s.call());
    expect(report).toMatchObject({
      counts: { expiredGroupCount: 1, removedOffsetCount: 1 },
      isComplete: true,
    });
    expect(await process.groups.list(s.call())).toEqual([]);
  });
});
