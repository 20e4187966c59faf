import { describe, expect, it } from 'vitest';
import { readGroup } from '../../../lib/group/group-store.ts';
import { putOffset, readOffset } from '../../../lib/group/offsets/put-offset.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { applyRestore, planRestore } from '../../../lib/segment/restore/restore.ts';
import { observeNow } from '../../../lib/storage/observation.ts';
import { at, GROUP, positions, scene, take } from './offset-support.ts';

describe('a restore to an earlier time', () => {
  it('takes positions back to the end of what is left, and keeps the others', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 10), at(1, 4), at(2, 5)] }, s.call());
    await process.groups.commit({ groupId: 'other', offsets: [at(0, 7)] }, s.call());
    await s.assign(['a']);
    await take(process, await s.member('a'), [3], s.call());
    const parts = engineParts(s.storage);
    const plan = await planRestore(parts, s.call());
    // As if the log had lost what came after these.
    const topics = plan.topics.map((planned) => ({ ...planned, tails: [4, 4, 9, 9] }));
    await applyRestore(parts, { ...plan, topics }, s.call());
    const restored = await s.process();
    expect(await positions(restored, s.call())).toEqual(['0:4', '1:4', '2:5']);
    expect(await positions(restored, s.call(), 'other')).toEqual(['0:4']);
  });

  it('takes back what has been read behind a position as well, of the own region', async () => {
    const s = await scene();
    const process = await s.process();
    const vector = new Map([
      ['', 10],
      ['west', 70],
    ]);
    const offsets = [at(0, 2, { vector }), at(1, 8, { vector }), at(2, 2, { vector })];
    await process.groups.commit({ groupId: GROUP, offsets }, s.call());
    const parts = engineParts(s.storage);
    const plan = await planRestore(parts, s.call());
    const topics = plan.topics.map((planned) => ({ ...planned, tails: [5, 5, 10, 10] }));
    await applyRestore(parts, { ...plan, topics }, s.call());
    const restored = await (await s.process()).groups.committed(GROUP, undefined, s.call());
    expect(restored.map((one) => [one.offset, ...(one.vector ?? [])])).toEqual([
      [2, ['', 5], ['west', 70]],
      [5, ['west', 70]],
      [2, ['', 10], ['west', 70]],
    ]);
  });

  it('takes back what local clients had committed beneath a position that was carried over', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 2)] }, s.call());
    const { group } = await readGroup(process.parts, GROUP, { consistent: true }, s.call());
    const where = { incarnation: group?.incarnation ?? '', topicId: s.topicId, partition: 0 };
    const standing = await readOffset(process.parts, where, { consistent: true }, s.call());
    if (standing?.position === undefined) throw new Error('a position is committed');
    const local = { localOffset: 8, localVector: new Map([['', 9]]) };
    const next = { ...standing, position: { ...standing.position, source: 'west', ...local } };
    const change = { incarnation: where.incarnation, standing, next, began: observeNow(s.clock) };
    await putOffset(process.parts, change, s.call());
    const plan = await planRestore(process.parts, s.call());
    const topics = plan.topics.map((planned) => ({ ...planned, tails: [5, 10, 10, 10] }));
    await applyRestore(process.parts, { ...plan, topics }, s.call());
    const mended = await readOffset(process.parts, where, { consistent: true }, s.call());
    expect(mended?.position).toEqual({ ...standing.position, source: 'west', localOffset: 5 });
  });

  it('leaves positions in topics that it does not know of', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 10)] }, s.call());
    const parts = engineParts(s.storage);
    await applyRestore(parts, { ...(await planRestore(parts, s.call())), topics: [] }, s.call());
    expect(await positions(await s.process(), s.call())).toEqual(['0:10']);
  });
});
