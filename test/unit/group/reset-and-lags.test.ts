import { describe, expect, it } from 'vitest';
import type { OffsetReset } from '../../../lib/groups.ts';
import { batchOf, refusal } from '../../support/log-on-memory.ts';
import { at, GROUP, outcome, place, positions, RECORDS, scene, take } from './offset-support.ts';

describe('moving a group’s positions', () => {
  it('goes to the beginning, the end, an offset, or a time', async () => {
    const s = await scene();
    const process = await s.process();
    await process.log.deleteRecords({ ...place(0), offset: 3 }, s.call());
    const resets: OffsetReset[] = [
      { ...place(0), to: 'earliest' },
      { ...place(1), to: 'latest' },
      { ...place(2), to: { offset: 4 } },
      { ...place(3), to: { timestampMs: 0 } },
    ];
    const moved = await process.groups.resetOffsets(GROUP, resets, s.call());
    expect(moved.map(({ partition, offset, topicId }) => [partition, offset, topicId === s.topicId])).toEqual(
      [
        [0, 3, true],
        [1, RECORDS, true],
        [2, 4, true],
        [3, 0, true],
      ],
    );
    expect(await positions(await s.process(), s.call())).toEqual(['0:3', '1:10', '2:4', '3:0']);
    const later = { ...place(3), to: { timestampMs: 4_000_000_000_000 } };
    expect(await process.groups.resetOffsets(GROUP, [later], s.call())).toMatchObject([{ offset: RECORDS }]);
  });

  it.each<[OffsetReset, string]>([
    [{ ...place(0), to: { offset: RECORDS + 1 } }, 'OFFSET_OUT_OF_RANGE'],
    [{ ...place(0), to: { offset: -1 } }, 'OFFSET_OUT_OF_RANGE'],
    [{ ...place(0), to: { offset: 0.5 } }, 'OFFSET_OUT_OF_RANGE'],
    [{ ...place(9), to: 'latest' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [{ topic: 'none', partition: 0, to: 'latest' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ])('checks all of them before the first is stored: %j', async (wrong, code) => {
    const s = await scene();
    const process = await s.process();
    const resets: OffsetReset[] = [{ ...place(1), to: 'latest' }, wrong];
    expect(await refusal(process.groups.resetOffsets(GROUP, resets, s.call()))).toBe(code);
    expect(await positions(process, s.call())).toEqual([]);
    expect(await process.groups.list(s.call())).toEqual([]);
  });

  it('is refused while the group has members, and not undone by those it had', async () => {
    const s = await scene();
    await s.assign(['a']);
    const a = await s.member('a');
    const frozen = await s.process();
    await take(frozen, a, [0], s.call());
    await frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 9)] }, s.call());
    const process = await s.process();
    const resets: OffsetReset[] = [{ ...place(0), to: { offset: 2 } }];
    expect(await refusal(process.groups.resetOffsets(GROUP, resets, s.call()))).toBe('NON_EMPTY_GROUP');
    await s.assign([]);
    await process.groups.resetOffsets(GROUP, resets, s.call());
    const late = frozen.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 10)] }, s.call());
    expect(await outcome(late)).toEqual(['UNKNOWN_MEMBER_ID']);
    expect(await positions(process, s.call())).toEqual(['0:2']);
    await s.assign(['b']);
    expect(await take(process, await s.member('b'), [0], s.call())).toEqual([2]);
  });
});

describe('lags', () => {
  it('tell how far each position is behind, and who is on it', async () => {
    const s = await scene();
    await s.assign(['a', 'b', undefined]);
    const process = await s.process();
    const a = await s.member('a');
    await take(process, a, [0], s.call());
    await process.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 4)] }, s.call());
    await s.assign([]);
    await process.groups.commit({ groupId: GROUP, offsets: [at(2, 10), at(1, 0)] }, s.call());
    await s.assign(['a', 'b']);
    await process.log.produce({ topic: 'orders', partition: 2, batches: batchOf('x') }, s.call());
    const lags = await process.groups.lags(GROUP, s.call());
    expect(lags).toEqual([
      {
        ...place(0),
        currentOffset: 4,
        logEndOffset: 10,
        lag: 6,
        memberId: 'a',
        instanceId: '',
        clientId: 'client of a',
      },
      {
        ...place(1),
        currentOffset: 0,
        logEndOffset: 10,
        lag: 10,
        memberId: 'b',
        instanceId: '',
        clientId: 'client of b',
      },
      {
        ...place(2),
        currentOffset: 10,
        logEndOffset: 11,
        lag: 1,
        memberId: '',
        instanceId: '',
        clientId: '',
      },
    ]);
  });

  it('of a position below the log start count from the position, as in Kafka', async () => {
    const s = await scene();
    const process = await s.process();
    await process.groups.commit({ groupId: GROUP, offsets: [at(0, 2)] }, s.call());
    await process.log.deleteRecords({ ...place(0), offset: 6 }, s.call());
    expect(await process.groups.lags(GROUP, s.call())).toMatchObject([{ lag: 8 }]);
  });

  it('need a group', async () => {
    const s = await scene();
    expect(await refusal((await s.process()).groups.lags(GROUP, s.call()))).toBe('GROUP_ID_NOT_FOUND');
  });
});

describe('describing a group', () => {
  it('shows who owns what and is meant to own what', async () => {
    const s = await scene();
    await s.assign(['a', 'a', 'b'], ['a', 'b', 'b', 'b']);
    const { groups } = await s.process();
    const assigned = (...partitions: number[]) => [{ topicId: s.topicId, topic: 'orders', partitions }];
    expect(await groups.describe(GROUP, s.call())).toEqual({
      groupId: GROUP,
      state: 'RECONCILING',
      groupEpoch: 1,
      assignor: 'uniform',
      isSimple: false,
      members: [
        {
          memberId: 'a',
          memberEpoch: 1,
          clientId: 'client of a',
          subscription: { topics: ['orders'] },
          assignment: assigned(0, 1),
          target: assigned(0),
        },
        {
          memberId: 'b',
          memberEpoch: 1,
          clientId: 'client of b',
          subscription: { topics: ['orders'] },
          assignment: assigned(2),
          target: assigned(1, 2, 3),
        },
      ],
    });
    await s.assign(['a', 'a', 'b', 'b']);
    expect(await groups.list(s.call())).toMatchObject([{ groupId: GROUP, state: 'STABLE' }]);
    await s.assign([]);
    expect(await groups.list(s.call())).toMatchObject([{ groupId: GROUP, state: 'EMPTY' }]);
    expect(await refusal(groups.describe('none', s.call()))).toBe('GROUP_ID_NOT_FOUND');
  });
});
