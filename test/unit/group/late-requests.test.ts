import { describe, expect, it } from 'vitest';
import { groupItemKey } from '../../../lib/group/group-item.ts';
import type { Table } from '../../../lib/storage/table.ts';
import { at, GROUP, outcome, positions, type Scene, scene, take } from './offset-support.ts';

/** Asks for the group's item only when it is told to, as a request that is tried again may. */
function slowToSeeTheGroup(table: Table<string>): { readonly table: Table<string>; readonly go: () => void } {
  const told = Promise.withResolvers<void>();
  return {
    go: told.resolve,
    table: {
      ...table,
      get: async (key, options, call) => {
        if (key.sk === groupItemKey(GROUP).sk) await told.promise;
        return table.get(key, options, call);
      },
    },
  };
}

/** The partition goes to another member, who commits 5 and leaves it to the first again, who commits 8. */
async function changeHandsTwice(s: Scene): Promise<void> {
  const process = await s.process();
  for (const [memberId, offset] of [
    ['b', 5],
    ['a', 8],
  ] as const) {
    await s.assign([memberId]);
    // Its epoch but one is of this time, too.
    await s.assign([memberId]);
    const member = await s.member(memberId);
    await take(process, member, [0], s.call());
    await process.groups.commit({ groupId: GROUP, member, offsets: [at(0, offset)] }, s.call());
  }
}

describe('a request from before its member lost a partition and got it again', () => {
  it('commits nothing, however slowly its process sees the group', async () => {
    const s = await scene();
    await s.assign(['a']);
    const before = await s.member('a');
    await take(await s.process(), before, [0], s.call());
    const slow = slowToSeeTheGroup(s.storage.catalog);
    const { groups } = await s.process({ catalog: slow.table });
    const late = outcome(groups.commit({ groupId: GROUP, member: before, offsets: [at(0, 2)] }, s.call()));
    await new Promise(setImmediate);
    await changeHandsTwice(s);
    slow.go();
    expect(await late).toEqual(['STALE_MEMBER_EPOCH']);
    expect(await positions(await s.process(), s.call())).toEqual(['0:8']);
  });

  it('takes nothing over, however slowly its process sees the group', async () => {
    const s = await scene();
    await s.assign(['a']);
    const before = await s.member('a');
    const slow = slowToSeeTheGroup(s.storage.catalog);
    const process = await s.process({ catalog: slow.table });
    const late = take(process, before, [0], s.call());
    const refused = expect(late).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    await new Promise(setImmediate);
    await changeHandsTwice(s);
    slow.go();
    await refused;
  });
});
