import { describe, expect, it } from 'vitest';
import { at, codes, GROUP, outcome, place, positions, RECORDS, scene, take } from './offset-support.ts';

describe('a member that took a partition over', () => {
  it('commits with one write and no read, whatever it is called', async () => {
    const s = await scene();
    await s.assign(['a', 'a', 'a']);
    const process = await s.process();
    const member = await s.member('a');
    await take(process, member, [0, 1, 2], s.call());
    await process.groups.commit({ groupId: GROUP, member, offsets: [at(0, RECORDS)] }, s.call());
    const call = s.call();
    const offsets = [at(0, 3), at(0, 4)];
    expect(codes(await process.groups.commit({ groupId: GROUP, member, offsets }, call))).toEqual([
      'ok',
      'ok',
    ]);
    expect(call.meter.usage).toMatchObject({ tableWrites: 2, tableReads: 0, writeUnits: 2, lostWrites: 0 });
    expect(await positions(process, s.call())).toEqual(['0:4']);
  });

  it('takes over with two reads and, for each partition, a read and a write', async () => {
    const s = await scene();
    await s.assign(['a', 'a', 'a']);
    const process = await s.process();
    const call = s.call();
    await take(process, await s.member('a'), [0, 1, 2], call);
    expect(call.meter.usage).toMatchObject({ tableReads: 5, tableWrites: 3, lostWrites: 0 });
  });

  it('goes on where the one before it has committed, metadata and epoch included', async () => {
    const s = await scene();
    await s.assign(['a']);
    const process = await s.process();
    const a = await s.member('a');
    expect(await take(process, a, [0], s.call())).toEqual([undefined]);
    const offsets = [at(0, 7, { metadata: 'ümläut \u{1F980}', leaderEpoch: 3 })];
    await process.groups.commit({ groupId: GROUP, member: a, offsets }, s.call());
    await s.assign(['b']);
    const places = [place(0)];
    const [taken] = await process.groups.takeOver(
      { groupId: GROUP, ...(await s.member('b')), places },
      s.call(),
    );
    expect(taken?.committed).toEqual({
      topic: 'orders',
      partition: 0,
      topicId: s.topicId,
      offset: 7,
      leaderEpoch: 3,
      metadata: 'ümläut \u{1F980}',
      committedMs: s.clock.wallMs(),
    });
  });

  it('commits through a process that knows nothing of it', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    await take(await s.process(), member, [0], s.call());
    const other = await s.process();
    expect(
      codes(await other.groups.commit({ groupId: GROUP, member, offsets: [at(0, 5)] }, s.call())),
    ).toEqual(['ok']);
    const call = s.call();
    await other.groups.commit({ groupId: GROUP, member, offsets: [at(0, 6)] }, call);
    expect(call.meter.usage).toMatchObject({ tableWrites: 1, tableReads: 0 });
  });

  it('commits through two processes in turn, each time with one lost write at most', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const [one, two] = [await s.process(), await s.process()];
    await take(one, member, [0], s.call());
    for (const [process, offset] of [
      [one, 1],
      [two, 2],
      [one, 3],
      [two, 4],
    ] as const) {
      const call = s.call();
      const results = await process.groups.commit({ groupId: GROUP, member, offsets: [at(0, offset)] }, call);
      expect(codes(results)).toEqual(['ok']);
      expect(call.meter.usage.lostWrites).toBeLessThanOrEqual(1);
    }
    expect(await positions(one, s.call())).toEqual(['0:4']);
  });

  it('keeps the order of commits that it sends without waiting', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const process = await s.process();
    await take(process, member, [0], s.call());
    const sent = [1, 2, 3, 4, 5, 6].map((offset) =>
      process.groups.commit({ groupId: GROUP, member, offsets: [at(0, offset)] }, s.call()),
    );
    await Promise.all(sent);
    expect(await positions(process, s.call())).toEqual(['0:6']);
  });
});

describe('a former owner', () => {
  it('cannot commit once another member has taken over, through whatever process', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const frozen = await s.process();
    await take(frozen, a, [0], s.call());
    await s.assign(['b']);
    const process = await s.process();
    const b = await s.member('b');
    await take(process, b, [0], s.call());
    await process.groups.commit({ groupId: GROUP, member: b, offsets: [at(0, 9)] }, s.call());
    for (const own of [frozen, process, await s.process()]) {
      const late = own.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 2)] }, s.call());
      expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
    }
    expect(await positions(process, s.call())).toEqual(['0:9']);
  });

  it('can commit as long as nobody has taken over, and the next owner goes on from there', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const frozen = await s.process();
    await take(frozen, a, [0], s.call());
    await s.assign(['b']);
    expect(
      codes(await frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 2)] }, s.call())),
    ).toEqual(['ok']);
    expect(await take(await s.process(), await s.member('b'), [0], s.call())).toEqual([2]);
  });

  it('that has the partition again does not put what it sent before over what others committed', async () => {
    const s = await scene();
    await s.assign(['a', 'b']);
    const before = await s.member('a');
    const frozen = await s.process();
    await take(frozen, before, [0], s.call());
    await s.assign(['b', 'b']);
    const process = await s.process();
    await take(process, await s.member('b'), [0], s.call());
    await process.groups.commit(
      { groupId: GROUP, member: await s.member('b'), offsets: [at(0, 8)] },
      s.call(),
    );
    await s.assign([undefined, 'a']);
    await s.assign(['a', 'b']);
    const again = await s.member('a');
    await take(process, again, [0], s.call());
    const late = { groupId: GROUP, member: before, offsets: [at(0, 1)] };
    for (const own of [frozen, frozen, process]) {
      expect(await outcome(own.groups.commit(late, s.call()))).toEqual(['STALE_MEMBER_EPOCH']);
    }
    expect(await positions(process, s.call())).toEqual(['0:8']);
  });

  it('that gets the partition back while a process looks it up is not mistaken for the owner it was', async () => {
    const s = await scene();
    await s.assign(['a']);
    const before = await s.member('a');
    const process = await s.process();
    await take(process, before, [0], s.call());
    const { catalog } = s.storage;
    const get: typeof catalog.get = async (key, ...rest) => {
      if (key.pk.startsWith('offsets#')) {
        await s.assign(['b']);
        const b = await s.member('b');
        await take(process, b, [0], s.call());
        await process.groups.commit({ groupId: GROUP, member: b, offsets: [at(0, 8)] }, s.call());
        await s.assign(['a']);
        expect(await take(process, await s.member('a'), [0], s.call())).toEqual([8]);
      }
      return catalog.get(key, ...rest);
    };
    const slow = await s.process({ catalog: { ...catalog, get } });
    const late = slow.groups.commit({ groupId: GROUP, member: before, offsets: [at(0, 1)] }, s.call());
    expect(await outcome(late)).toEqual(['STALE_MEMBER_EPOCH']);
    expect(await positions(process, s.call())).toEqual(['0:8']);
  });

  it('whose process slept with a commit in its hands does not put it over the same member’s newer one', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const { catalog } = s.storage;
    let wake: () => void = () => undefined;
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let isFreezing = false;
    const put: typeof catalog.put = async (...args) => {
      if (isFreezing) await asleep;
      return catalog.put(...args);
    };
    const frozen = await s.process({ catalog: { ...catalog, put } });
    await take(frozen, member, [0], s.call());
    isFreezing = true;
    const late = frozen.groups.commit({ groupId: GROUP, member, offsets: [at(0, 5)] }, s.call());
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 8)] }, s.call());
    s.clock.advance(8 * 86_400_000);
    isFreezing = false;
    wake();
    expect(codes(await late)).toEqual(['REQUEST_TIMED_OUT']);
    expect(await positions(process, s.call())).toEqual(['0:8']);
  });
});

describe('without the fence', () => {
  it('a former owner does commit over the new one: the rule is needed', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const frozen = await s.process({ rules: { commitFence: false } });
    await take(frozen, a, [0], s.call());
    await s.assign(['b']);
    const process = await s.process({ rules: { commitFence: false } });
    await take(process, await s.member('b'), [0], s.call());
    expect(
      codes(await frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 2)] }, s.call())),
    ).toEqual(['ok']);
    expect(await positions(process, s.call())).toEqual(['0:2']);
  });
});
