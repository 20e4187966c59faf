import { describe, expect, it } from 'vitest';
import { refusal } from '../../support/log-on-memory.ts';
import { at, GROUP, outcome, place, positions, scene, take } from './offset-support.ts';

describe('taking a partition over', () => {
  it('fences the owner before the position is read, so nothing it commits later is passed over', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const old = await s.process();
    await take(old, a, [0], s.call());
    await s.assign(['b']);
    const { catalog } = s.storage;
    // Between the new owner's look at the position and its put, the old one commits.
    const get: typeof catalog.get = async (key, ...rest) => {
      const answer = await catalog.get(key, ...rest);
      if (key.pk.startsWith('offsets#')) {
        const offsets = [at(0, 7)];
        expect(await outcome(old.groups.commit({ groupId: GROUP, member: a, offsets }, s.call()))).toEqual([
          'ok',
        ]);
      }
      return answer;
    };
    const next = await s.process({ catalog: { ...catalog, get } });
    expect(await take(next, await s.member('b'), [0], s.call())).toEqual([7]);
    const late = old.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 9)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
  });

  it('with the position read first would pass over that commit: the rule is needed', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const old = await s.process();
    await take(old, a, [0], s.call());
    await s.assign(['b']);
    const { catalog } = s.storage;
    const get: typeof catalog.get = async (key, ...rest) => {
      const answer = await catalog.get(key, ...rest);
      if (key.pk.startsWith('offsets#')) {
        await old.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 7)] }, s.call());
      }
      return answer;
    };
    const next = await s.process({ catalog: { ...catalog, get }, rules: { takeOverBeforeRead: false } });
    expect(await take(next, await s.member('b'), [0], s.call())).toEqual([undefined]);
  });

  it('is for members that own the partition and are meant to', async () => {
    const s = await scene();
    // 0: a's; 1: a has to give it to b; 2: nobody's yet, meant for a; 3: b's.
    await s.assign(['a', 'a', undefined, 'b'], ['a', 'b', 'a', 'b']);
    const process = await s.process();
    const stale = 'STALE_MEMBER_EPOCH';
    expect(await take(process, await s.member('a'), [0, 1, 2, 3], s.call())).toEqual([
      undefined,
      stale,
      stale,
      stale,
    ]);
    const places = [{ topic: 'none', partition: 0 }, place(4), place(-1)];
    const request = { groupId: GROUP, ...(await s.member('a')), places };
    expect(await outcome(process.groups.takeOver(request, s.call()))).toEqual([stale, stale, stale]);
  });

  it('is refused to a member that saw the group before another one took over', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const { catalog } = s.storage;
    const next = await s.process();
    // The old member's request stands still between its look at the group and the position.
    const get: typeof catalog.get = async (key, ...rest) => {
      if (key.pk.startsWith('offsets#')) {
        await s.assign(['b']);
        expect(await take(next, await s.member('b'), [0], s.call())).toEqual([undefined]);
      }
      return catalog.get(key, ...rest);
    };
    const slow = await s.process({ catalog: { ...catalog, get } });
    expect(await take(slow, a, [0], s.call())).toEqual(['STALE_MEMBER_EPOCH']);
    const commit = { groupId: GROUP, member: await s.member('b'), offsets: [at(0, 3)] };
    expect(await outcome(next.groups.commit(commit, s.call()))).toEqual(['ok']);
  });

  it('may be repeated, through other processes too, and does not lose the position', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const process = await s.process();
    await take(process, member, [0], s.call());
    await process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 4)] }, s.call());
    expect(await take(await s.process(), member, [0], s.call())).toEqual([4]);
    expect(await take(process, member, [0, 0], s.call())).toEqual([4, 4]);
  });

  it('answers in the order asked', async () => {
    const s = await scene();
    await s.assign(['a', 'a', 'a', 'a']);
    const process = await s.process();
    const member = await s.member('a');
    const places = [3, 1, 2, 0].map(place);
    const taken = await process.groups.takeOver({ groupId: GROUP, ...member, places }, s.call());
    expect(taken.map(({ partition }) => partition)).toEqual([3, 1, 2, 0]);
  });

  it('needs a member of the group with its epoch', async () => {
    const s = await scene();
    const process = await s.process();
    const as = (memberId: string, memberEpoch: number, groupId: string = GROUP): Promise<string> =>
      refusal(process.groups.takeOver({ groupId, memberId, memberEpoch, places: [place(0)] }, s.call()));
    expect(await as('a', 1)).toBe('UNKNOWN_MEMBER_ID');
    await s.assign(['a']);
    expect(await as('a', 2)).toBe('FENCED_MEMBER_EPOCH');
    expect(await as('a', 1)).toBe('none');
    expect(await as('b', 1)).toBe('UNKNOWN_MEMBER_ID');
    expect(await as('a', 1, '\uDC00')).toBe('INVALID_GROUP_ID');
    expect(await as('x'.repeat(256), 1)).toBe('INVALID_REQUEST');
    await s.assign(['b']);
    expect(await as('a', 1)).toBe('UNKNOWN_MEMBER_ID');
    expect(await positions(process, s.call())).toEqual([]);
  });
});
