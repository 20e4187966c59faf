import { describe, expect, it } from 'vitest';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { StoreWithin } from '../../../lib/storage/within.ts';
import { refusal } from '../../support/log-on-memory.ts';
import { at, GROUP, outcome, positions, type Scene, scene, take } from './offset-support.ts';

/** Something else that happens together with the commit, or not at all. */
function other({ storage }: Scene): { readonly store: StoreWithin<string>; readonly applied: () => number } {
  let count = 0;
  return {
    applied: () => count,
    store: async (item, options, call) => {
      const result = await storage.catalog.put(item, options, call);
      if (result.stored) count += 1;
      return result;
    },
  };
}

describe('a commit as a part of something larger', () => {
  it('goes on top of what the process has put itself', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    const member = await s.member('a');
    await take(process, member, [0], s.call());
    const { store, applied } = other(s);
    for (const offset of [1, 2]) {
      await process.groups.commitWithin({ groupId: GROUP, member, offset: at(0, offset), store }, s.call());
    }
    expect(applied()).toBe(2);
    await process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 3)] }, s.call());
    await process.groups.commitWithin({ groupId: GROUP, member, offset: at(0, 4), store }, s.call());
    expect(await positions(process, s.call())).toEqual(['0:4']);
  });

  it('never happens again on top of what somebody else has committed, even the same member', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const [one, two] = [await s.process(), await s.process()];
    await take(one, member, [0], s.call());
    await take(two, member, [0], s.call());
    const { store, applied } = other(s);
    const commit = { groupId: GROUP, member, offset: at(0, 1), store };
    await two.groups.commitWithin(commit, s.call());
    expect(await refusal(one.groups.commitWithin(commit, s.call()))).toBe('STALE_MEMBER_EPOCH');
    expect(await refusal(one.groups.commitWithin(commit, s.call()))).toBe('STALE_MEMBER_EPOCH');
    expect(applied()).toBe(1);
    expect(await take(one, member, [0], s.call())).toEqual([1]);
    await one.groups.commitWithin({ ...commit, offset: at(0, 2) }, s.call());
    expect(applied()).toBe(2);
  });

  it('only goes forward: what lies below the position has been dealt with', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    const member = await s.member('a');
    await take(process, member, [0], s.call());
    const { store, applied } = other(s);
    await process.groups.commitWithin({ groupId: GROUP, member, offset: at(0, 5), store }, s.call());
    for (const offset of [5, 4]) {
      const again = process.groups.commitWithin(
        { groupId: GROUP, member, offset: at(0, offset), store },
        s.call(),
      );
      expect(await refusal(again)).toBe('STALE_MEMBER_EPOCH');
    }
    await process.groups.commitWithin({ groupId: GROUP, member, offset: at(0, 6), store }, s.call());
    expect(applied()).toBe(2);
  });

  it('is not for a process that did not take the partition over', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    await take(await s.process(), member, [0], s.call());
    const { store, applied } = other(s);
    const process = await s.process();
    const commit = process.groups.commitWithin({ groupId: GROUP, member, offset: at(0, 1), store }, s.call());
    expect(await refusal(commit)).toBe('STALE_MEMBER_EPOCH');
    expect(applied()).toBe(0);
  });

  it('is refused to a former owner', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const old = await s.process();
    await take(old, a, [0], s.call());
    await s.assign(['b']);
    await take(await s.process(), await s.member('b'), [0], s.call());
    const { store, applied } = other(s);
    const late = old.groups.commitWithin({ groupId: GROUP, member: a, offset: at(0, 1), store }, s.call());
    expect(await refusal(late)).toBe('STALE_MEMBER_EPOCH');
    expect(applied()).toBe(0);
  });

  it('lets the other part’s own error through and can be tried again', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const process = await s.process();
    await take(process, member, [0], s.call());
    const cause = new Error('the order exists already');
    const observation = { sentWallMs: 0, sentMonotonicMs: 0 };
    const store: StoreWithin<string> = async () => ({ stored: 'cancelled', cause, observation });
    const commit = { groupId: GROUP, member, offset: at(0, 1) };
    await expect(process.groups.commitWithin({ ...commit, store }, s.call())).rejects.toBe(cause);
    await process.groups.commitWithin({ ...commit, store: other(s).store }, s.call());
    expect(await positions(process, s.call())).toEqual(['0:1']);
  });

  it('whose outcome is open says so, and nothing is committed before the partition is taken over again', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const process = await s.process();
    await take(process, member, [0], s.call());
    const { store, applied } = other(s);
    const losing: StoreWithin<string> = async (...args) => {
      await store(...args);
      throw new StorageFault('interrupted', 'the answer is lost');
    };
    const commit = { groupId: GROUP, member, offset: at(0, 1) };
    expect(await refusal(process.groups.commitWithin({ ...commit, store: losing }, s.call()))).toBe(
      'REQUEST_TIMED_OUT',
    );
    expect(await refusal(process.groups.commitWithin({ ...commit, store }, s.call()))).toBe(
      'STALE_MEMBER_EPOCH',
    );
    expect(applied()).toBe(1);
    expect(await take(process, member, [0], s.call())).toEqual([1]);
  });

  it('that is open keeps back what comes after it, even if nothing was stored', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const process = await s.process();
    await take(process, member, [0], s.call());
    const { store, applied } = other(s);
    const losing: StoreWithin<string> = async () => {
      throw new StorageFault('interrupted', 'the request is lost');
    };
    const commit = { groupId: GROUP, member };
    const lost = process.groups.commitWithin({ ...commit, offset: at(0, 1), store: losing }, s.call());
    expect(await refusal(lost)).toBe('REQUEST_TIMED_OUT');
    const next = process.groups.commitWithin({ ...commit, offset: at(0, 2), store }, s.call());
    expect(await refusal(next)).toBe('STALE_MEMBER_EPOCH');
    expect(applied()).toBe(0);
  });

  it('beyond the end of the partition does not reach the other part', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const process = await s.process();
    await take(process, member, [0], s.call());
    const { store, applied } = other(s);
    const commit = process.groups.commitWithin(
      { groupId: GROUP, member, offset: at(0, 11), store },
      s.call(),
    );
    expect(await refusal(commit)).toBe('OFFSET_OUT_OF_RANGE');
    expect(applied()).toBe(0);
    expect(
      await outcome(process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 10)] }, s.call())),
    ).toEqual(['ok']);
  });
});
