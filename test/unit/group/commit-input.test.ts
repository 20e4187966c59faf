import { describe, expect, it } from 'vitest';
import { refusal } from '../../support/log-on-memory.ts';
import { at, codes, GROUP, place, positions, RECORDS, scene, take } from './offset-support.ts';

describe('a commit', () => {
  it('beyond the end of the partition is refused, and costs no read below an end that is known', async () => {
    const s = await scene();
    await s.assign(['a', 'a']);
    const process = await s.process();
    const member = await s.member('a');
    await take(process, member, [0, 1], s.call());
    const offsets = [at(0, RECORDS + 1), at(1, RECORDS)];
    const results = await process.groups.commit({ groupId: GROUP, member, offsets }, s.call());
    expect(codes(results)).toEqual(['OFFSET_OUT_OF_RANGE', 'ok']);
    expect(results.map(({ topic, partition }) => ({ topic, partition }))).toEqual([place(0), place(1)]);
    expect(await positions(process, s.call())).toEqual(['1:10']);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])('of %s is no offset', async (offset) => {
    const s = await scene();
    const process = await s.process();
    expect(
      codes(await process.groups.commit({ groupId: GROUP, offsets: [at(0, offset)] }, s.call())),
    ).toEqual(['OFFSET_OUT_OF_RANGE']);
    expect(await positions(process, s.call())).toEqual([]);
  });

  it('takes 4,096 bytes of metadata and not one more', async () => {
    const s = await scene();
    const process = await s.process();
    const offsets = [
      at(0, 1, { metadata: 'é'.repeat(2_048) }),
      at(1, 1, { metadata: `${'é'.repeat(2_048)}.` }),
      at(2, 1, { metadata: '\uD800' }),
      at(3, 1, { leaderEpoch: -2 }),
    ];
    expect(codes(await process.groups.commit({ groupId: GROUP, offsets }, s.call()))).toEqual([
      'ok',
      'OFFSET_METADATA_TOO_LARGE',
      'INVALID_REQUEST',
      'INVALID_REQUEST',
    ]);
    expect((await process.groups.committed(GROUP, [place(0)], s.call()))[0]?.metadata).toHaveLength(2_048);
  });

  it('names a topic and a partition that are there', async () => {
    const s = await scene();
    const process = await s.process();
    const offsets = [
      { topic: 'none', partition: 0, offset: 0 },
      { topic: 'a/b', partition: 0, offset: 0 },
      at(4, 0),
      at(-1, 0),
      at(0.5, 0),
    ];
    expect(codes(await process.groups.commit({ groupId: GROUP, offsets }, s.call()))).toEqual([
      'UNKNOWN_TOPIC_OR_PARTITION',
      'INVALID_TOPIC_EXCEPTION',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ]);
    expect(await refusal(process.groups.describe(GROUP, s.call()))).toBe('GROUP_ID_NOT_FOUND');
  });

  it('by a stranger, or with an epoch that is not the member’s, changes nothing', async () => {
    const s = await scene();
    await s.assign(['a']);
    await s.assign(['a']);
    await s.assign(['a']);
    const process = await s.process();
    const member = await s.member('a');
    const offsets = [at(0, 5)];
    const as = (memberId: string, memberEpoch: number) =>
      refusal(
        process.groups.commit({ groupId: GROUP, member: { memberId, memberEpoch }, offsets }, s.call()),
      );
    expect(await as('b', member.memberEpoch)).toBe('UNKNOWN_MEMBER_ID');
    expect(await as('a', member.memberEpoch + 1)).toBe('STALE_MEMBER_EPOCH');
    expect(await as('a', member.memberEpoch - 2)).toBe('STALE_MEMBER_EPOCH');
    expect(await as('', 1)).toBe('INVALID_REQUEST');
    expect(await refusal(process.groups.commit({ groupId: '', member, offsets }, s.call()))).toBe(
      'INVALID_GROUP_ID',
    );
    const results = await process.groups.commit({ groupId: GROUP, member, offsets }, s.call());
    expect(codes(results)).toEqual(['STALE_MEMBER_EPOCH']);
    expect(await positions(process, s.call())).toEqual([]);
  });
});
