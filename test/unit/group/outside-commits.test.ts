import { describe, expect, it } from 'vitest';
import { OUTSIDE_SIGN_MS } from '../../../lib/group/members/empty-group.ts';
import { refusal } from '../../support/log-on-memory.ts';
import { at, codes, GROUP, outcome, place, positions, scene, take } from './offset-support.ts';

describe('a commit on behalf of no member', () => {
  it('begins a group that nobody has joined', async () => {
    const s = await scene();
    const process = await s.process();
    expect(
      codes(await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5), at(1, 6)] }, s.call())),
    ).toEqual(['ok', 'ok']);
    expect(await positions(await s.process(), s.call())).toEqual(['0:5', '1:6']);
    expect(await process.groups.list(s.call())).toMatchObject([{ groupId: GROUP, state: 'EMPTY' }]);
    expect(await process.groups.describe(GROUP, s.call())).toMatchObject({
      isSimple: true,
      groupEpoch: 0,
      members: [],
    });
  });

  it('costs one read, and a write for each position, once the process has put it before', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5), at(1, 6)] }, s.call());
    const call = s.call();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 6), at(1, 7)] }, call);
    expect(call.meter.usage).toMatchObject({ tableReads: 1, tableWrites: 2, lostWrites: 0 });
  });

  it.each(['/', '#', 'ü\u0000', '\u{1F980}', 'a'.repeat(255), ' ', 'g#group', '%2F', '\uFFFF'])(
    'is kept apart for the group %j',
    async (groupId) => {
      const s = await scene();
      const process = await s.process();
      await process.groups.commit({ groupId, offsets: [at(0, 3)] }, s.call());
      await process.groups.commit({ groupId: 'g', offsets: [at(0, 4)] }, s.call());
      expect(await positions(await s.process(), s.call(), groupId)).toEqual(['0:3']);
      expect(await positions(await s.process(), s.call(), 'g')).toEqual(['0:4']);
      expect((await process.groups.list(s.call())).map((group) => group.groupId)).toEqual(
        [groupId, 'g'].sort(),
      );
      await process.groups.delete(groupId, s.call());
      expect(await positions(process, s.call(), 'g')).toEqual(['0:4']);
    },
  );

  it.each(['', 'a'.repeat(256), '\uD83E', 'é'.repeat(128)])(
    'is refused for the group id %j',
    async (groupId) => {
      const s = await scene();
      const { groups } = await s.process();
      const { call } = s;
      const asked = [
        groups.commit({ groupId, offsets: [at(0, 0)] }, call()),
        groups.committed(groupId, undefined, call()),
        groups.describe(groupId, call()),
        groups.delete(groupId, call()),
        groups.deleteOffsets(groupId, [place(0)], call()),
        groups.resetOffsets(groupId, [{ ...place(0), to: 'earliest' }], call()),
        groups.lags(groupId, call()),
      ];
      for (const work of asked) expect(await refusal(work)).toBe('INVALID_GROUP_ID');
      expect(await groups.list(call())).toEqual([]);
    },
  );

  it('is refused while the group has members', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    const late = process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
    expect(await positions(process, s.call())).toEqual([]);
  });

  it('fences the members that the group had before', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const frozen = await s.process();
    await take(frozen, a, [0], s.call());
    await s.assign([]);
    const process = await s.process();
    expect(codes(await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call()))).toEqual([
      'ok',
    ]);
    const late = frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 9)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
    expect(await positions(process, s.call())).toEqual(['0:5']);
  });

  it('does not undo a taking over that came between its look at the group and its put', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
    const { catalog } = s.storage;
    let isOpen = true;
    const put: typeof catalog.put = async (item, ...rest) => {
      if (isOpen && item.pk.startsWith('offsets#')) {
        isOpen = false;
        await s.assign(['a']);
        const a = await s.member('a');
        expect(await take(process, a, [0], s.call())).toEqual([5]);
        await process.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 8)] }, s.call());
      }
      return catalog.put(item, ...rest);
    };
    const slow = await s.process({ catalog: { ...catalog, put } });
    const late = slow.groups.commit({ groupId: GROUP, offsets: [at(0, 2)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
    expect(await positions(process, s.call())).toEqual(['0:8']);
    expect(
      await outcome(
        process.groups.commit({ groupId: GROUP, member: await s.member('a'), offsets: [at(0, 9)] }, s.call()),
      ),
    ).toEqual(['ok']);
  });

  it('refuses a former member that saw the group before it left, and takes over only now', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const process = await s.process();
    const { catalog } = s.storage;
    const get: typeof catalog.get = async (key, ...rest) => {
      if (key.pk.startsWith('offsets#')) {
        await s.assign([]);
        await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
      }
      return catalog.get(key, ...rest);
    };
    const slow = await s.process({ catalog: { ...catalog, get } });
    expect(await take(slow, a, [0], s.call())).toEqual(['STALE_MEMBER_EPOCH']);
    const late = slow.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 9)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
    expect(await positions(process, s.call())).toEqual(['0:5']);
  });

  it('is a sign of life once a day, and costs a write more for it', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
    s.clock.advance(OUTSIDE_SIGN_MS + 1);
    const writes: number[] = [];
    for (const offset of [6, 7]) {
      const call = s.call();
      await process.groups.commit({ groupId: GROUP, offsets: [at(0, offset)] }, call);
      writes.push(call.meter.usage.tableWrites);
    }
    expect(writes).toEqual([2, 1]);
  });
});

describe('what is committed', () => {
  it('is answered for the places asked, in their order, without those where nothing is', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 1), at(3, 4)] }, s.call());
    const places = [place(3), place(2), { topic: 'none', partition: 0 }, place(0), place(99)];
    const found = await process.groups.committed(GROUP, places, s.call());
    expect(found.map(({ partition, offset }) => [partition, offset])).toEqual([
      [3, 4],
      [0, 1],
    ]);
    const many = await process.groups.committed(GROUP, [...places, ...places], s.call());
    expect(many.map(({ partition }) => partition)).toEqual([3, 0, 3, 0]);
  });

  it('does not outlive the topic, even if the name is given again', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
    await process.log.deleteTopic('orders', s.call());
    expect(await positions(process, s.call())).toEqual([]);
    expect(await process.groups.lags(GROUP, s.call())).toEqual([]);
    await process.log.createTopic({ name: 'orders' }, s.call());
    expect(await process.groups.committed(GROUP, [place(0)], s.call())).toEqual([]);
    const late = process.groups.commit({ groupId: GROUP, offsets: [at(0, 5)] }, s.call());
    expect(await outcome(late)).toEqual(['OFFSET_OUT_OF_RANGE']);
  });

  it('of a group that is not there is nothing', async () => {
    const s = await scene();
    const process = await s.process();
    expect(await process.groups.committed('none', undefined, s.call())).toEqual([]);
    expect(await process.groups.committed('none', [place(0)], s.call())).toEqual([]);
  });
});
