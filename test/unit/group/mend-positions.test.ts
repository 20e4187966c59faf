import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../lib/open-log.ts';
import { applyRestore, planRestore } from '../../../lib/segment/restore/restore.ts';
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

  it('leaves positions in topics that it does not know of', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 10)] }, s.call());
    const parts = engineParts(s.storage);
    await applyRestore(parts, { ...(await planRestore(parts, s.call())), topics: [] }, s.call());
    expect(await positions(await s.process(), s.call())).toEqual(['0:10']);
  });
});
