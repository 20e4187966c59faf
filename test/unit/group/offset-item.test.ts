import { describe, expect, it } from 'vitest';
import {
  committedOf,
  offsetFromItem,
  offsetSortKey,
  offsetToItem,
  type PartitionOffset,
} from '../../../lib/group/offsets/offset-item.ts';
import { itemBytes } from '../../../lib/storage/units.ts';

const TOPIC_ID = '6m2nq1gTSjqDZ5mUzqfbFA';
const INCARNATION = 'pQ8sX0dVTjK3mC7yR1aLhw';

const FULL: PartitionOffset = {
  topicId: TOPIC_ID,
  partition: 7,
  topic: 'orders',
  position: { offset: 123_456_789, leaderEpoch: 3, metadata: 'host-1', committedMs: 1_800_000_000_000 },
  owner: '8d5a2f3e-1c4b-4e7a-9f60-2b7c9d1e0a53',
  takenAt: 41,
};

const CARRIED: PartitionOffset = {
  ...FULL,
  owner: undefined,
  position: {
    ...{ offset: 100, leaderEpoch: -1, metadata: '', committedMs: 1 },
    source: 'eu-west-1',
    localOffset: 80,
  },
  carried: { source: 'eu-west-1', offset: 120 },
};

const FULL_POSITION = { offset: 100, leaderEpoch: -1, metadata: '', committedMs: 1 };

const WITH_VECTOR: PartitionOffset = {
  ...FULL,
  position: {
    ...{ offset: 100, leaderEpoch: -1, metadata: '', committedMs: 1 },
    vector: new Map([
      ['eu-west-1', 140],
      ['', 120],
    ]),
  },
};

describe('the item of a position', () => {
  it('lies as the storage layout says', () => {
    expect(offsetToItem(INCARNATION, FULL, 'v1')).toEqual({
      pk: `offsets#${INCARNATION}`,
      sk: `${TOPIC_ID}:00007`,
      version: 'v1',
      attributes: {
        f: 1,
        n: 'orders',
        k: 41,
        w: '8d5a2f3e-1c4b-4e7a-9f60-2b7c9d1e0a53',
        o: 123_456_789,
        t: 1_800_000_000_000,
        l: 3,
        m: 'host-1',
      },
    });
  });

  it.each<[string, PartitionOffset]>([
    ['with everything', FULL],
    ['without an owner', { ...FULL, owner: undefined, takenAt: 0 }],
    ['without a position', { ...FULL, position: undefined }],
    [
      'at the beginning, with nothing besides',
      { ...FULL, position: { offset: 0, leaderEpoch: -1, metadata: '', committedMs: 0 } },
    ],
    ['of the last partition there can be', { ...FULL, partition: 99_999 }],
    ['gone on from what was carried over', { ...FULL, carried: { source: 'eu-west-1', offset: 9 } }],
    ['carried over', CARRIED],
    ['with what has been read behind it', WITH_VECTOR],
    [
      'carried over from where it had another offset',
      {
        ...CARRIED,
        position: { ...FULL_POSITION, source: 'eu', localOffset: 80, localVector: new Map([['us', 7]]) },
        carried: { source: 'eu', offset: 120, here: 100 },
      },
    ],
  ])('comes back as it was put: %s', (_, offset) => {
    expect(offsetFromItem(offsetToItem(INCARNATION, offset, 'v2'))).toEqual({ ...offset, version: 'v2' });
    const { position, topic, topicId, partition } = offset;
    const { source: _source, localOffset: _local, localVector: _vector, ...committed } = position ?? {};
    expect(committedOf(offset)).toEqual(
      position === undefined ? undefined : { topic, topicId, partition, ...committed },
    );
  });

  it('says of a position that was carried over where from, and what local clients had committed', () => {
    expect(offsetToItem(INCARNATION, CARRIED, 'v1').attributes).toMatchObject({
      r: 'eu-west-1',
      h: 80,
      y: ['eu-west-1', 120],
    });
  });

  it('tells what has been read behind the offset, in the order of the aliases', () => {
    expect(offsetToItem(INCARNATION, WITH_VECTOR, 'v1').attributes).toEqual({
      ...{ f: 1, n: 'orders', k: 41, w: '8d5a2f3e-1c4b-4e7a-9f60-2b7c9d1e0a53', o: 100, t: 1 },
      p: ['', 120, 'eu-west-1', 140],
    });
  });

  it('leaves more than 800 bytes of a write unit to the metadata', () => {
    const item = offsetToItem(INCARNATION, { ...FULL, position: undefined }, 'a'.repeat(16));
    expect(itemBytes(item)).toBeLessThanOrEqual(130);
    expect(itemBytes(offsetToItem(INCARNATION, FULL, 'a'.repeat(16)))).toBeLessThanOrEqual(160);
  });

  it('orders by partition', () => {
    const keys = [10_000, 2, 100, 99_999, 0].map((partition) => offsetSortKey(TOPIC_ID, partition));
    expect([...keys].sort()).toEqual([0, 2, 100, 10_000, 99_999].map((p) => offsetSortKey(TOPIC_ID, p)));
  });

  it('of a newer format is refused by name, and a damaged one told', () => {
    const item = offsetToItem(INCARNATION, FULL, 'v');
    expect(() => offsetFromItem({ ...item, attributes: { ...item.attributes, f: 2 } })).toThrow(
      `offset item offsets#${INCARNATION} / ${TOPIC_ID}:00007 has format 2; this version reads up to 1`,
    );
    expect(() => offsetFromItem({ ...item, attributes: { ...item.attributes, o: 'x' } })).toThrow(
      "attribute 'o' is not a number",
    );
    for (const p of [['west'], [1, 2], ['west', '1']]) {
      const damaged = { ...item, attributes: { ...item.attributes, p } };
      expect(() => offsetFromItem(damaged)).toThrow("attribute 'p' holds no vector");
    }
  });
});
