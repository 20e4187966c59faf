import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AssignedTopic } from '../../../../lib/groups.ts';
import { decodeHeld, encodeHeld } from '../../../../lib/http/consumers/held-bytes.ts';
import type { ConsumerInstance, HeldPartition } from '../../../../lib/http/consumers/instance.ts';
import { instanceFromItem, instanceToItem } from '../../../../lib/http/consumers/instance-item.ts';
import { ownedBy, planHeld } from '../../../../lib/http/consumers/plan-held.ts';
import { LIMITS } from '../../../../lib/limits.ts';
import type { StorageFault } from '../../../../lib/storage/fault.ts';
import { itemBytes } from '../../../../lib/storage/units.ts';

const offset = fc.option(fc.maxSafeNat(), { nil: undefined });
const numbers = fc.record({ partition: fc.nat(9_999), next: offset, committed: offset });

function instanceWith(
  held: readonly HeldPartition[],
  more: Partial<ConsumerInstance> = {},
): ConsumerInstance {
  return {
    groupId: 'g#1',
    name: 'rest-consumer-PTGKqYUV23qMs6H31XupdQ',
    settings: {
      format: 'json',
      dialect: 'confluent',
      autoCommit: true,
      reset: 'latest',
      bytesMin: -1,
      waitMs: 1_000,
    },
    selection: { kind: 'topics', topics: ['orders'] },
    memberId: 'nyphJ_Ej7NV818Lov0VUeA',
    memberEpoch: 7,
    held,
    turn: 3,
    ...more,
  };
}

const heldOf = (count: number): readonly HeldPartition[] =>
  Array.from({ length: count }, (_, partition) => ({
    topicId: 'OCqU2VHHhRGIbmPy_r4soA',
    topic: 'orders',
    partition,
    next: 1_000_000_000 + partition,
    committed: 999_999_000,
  }));

describe('the positions of an instance', () => {
  it('come back as they were stored', () => {
    fc.assert(
      fc.property(fc.array(numbers), (held) => {
        expect(decodeHeld(encodeHeld(held))).toEqual(held);
      }),
    );
  });

  it('come back with what had been read behind them, each region named once', () => {
    const behind = fc.record({
      from: fc.nat(2 ** 40),
      regions: fc.array(
        fc.record({
          region: fc.constantFrom('', 'west', 'eu-central-1'),
          next: fc.maxSafeNat(),
          passedAt: fc.option(
            fc.nat(1_000).map((distance) => distance),
            { nil: undefined },
          ),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(fc.array(fc.option(behind, { nil: undefined }), { maxLength: 20 }), (all) => {
        const held = heldOf(all.length).map((one, index) => {
          const told = all[index];
          if (told === undefined) return one;
          const regions = told.regions.map(({ passedAt, ...region }) => ({
            ...region,
            passedAt: passedAt === undefined ? undefined : told.from + passedAt,
          }));
          return { ...one, behind: { ...told, regions } };
        });
        const item = instanceToItem({ instance: instanceWith(held), seenMs: 1.7e12 }, 'v');
        expect(instanceFromItem(item).instance.held).toEqual(held);
        expect(new Set((item.attributes.q as readonly string[] | undefined) ?? []).size).toBeLessThanOrEqual(
          3,
        );
      }),
    );
  });

  it('are stored as ever where nothing had been read behind them', () => {
    const { attributes } = instanceToItem({ instance: instanceWith(heldOf(2)), seenMs: 1.7e12 }, 'v');
    expect(attributes).not.toHaveProperty('q');
    expect(attributes.o).toEqual([[expect.any(String), 'orders', expect.any(Uint8Array)]]);
  });

  it('leave out what had been read behind a great many of them, rather than not fit', () => {
    const behind = {
      from: 1e9,
      regions: ['', 'west', 'north'].map((region) => ({ region, next: 2e9, passedAt: undefined })),
    };
    const stored = (count: number): number => {
      const held = heldOf(count).map((one) => ({ ...one, behind }));
      return itemBytes(instanceToItem({ instance: instanceWith(held), seenMs: 1.7e12 }, 'v'));
    };
    expect(stored(64)).toBeLessThan(4_096);
    expect(stored(5_000)).toBeLessThan(100_000);
  });

  it('take one write unit for three partitions, and little for a thousand', () => {
    const stored = (count: number): number =>
      itemBytes(instanceToItem({ instance: instanceWith(heldOf(count)), seenMs: 1.7e12 }, 'x'.repeat(16)));
    expect(stored(3)).toBeLessThan(512);
    expect(stored(1_000)).toBeLessThan(LIMITS.groupItemBytesMax / 10);
  });
});

describe('the item of an instance', () => {
  it.each<Partial<ConsumerInstance>>([
    {},
    { selection: { kind: 'none' }, held: [] },
    { selection: { kind: 'pattern', pattern: 'a.*' } },
    { selection: { kind: 'manual' }, memberEpoch: 0 },
    {
      settings: {
        format: 'avro',
        dialect: 'strimzi',
        autoCommit: false,
        reset: 'none',
        bytesMin: 9,
        waitMs: 0,
      },
    },
  ])('holds all of %j', (more) => {
    const stored = { instance: instanceWith(heldOf(2), more), seenMs: 5 };
    expect(instanceFromItem(instanceToItem(stored, 'v'))).toEqual(stored);
  });

  it.each([
    ['of a newer format is refused', { f: 99 }, 'refused'],
    ['whose positions are no list is damaged', { o: 'x' }, 'damaged'],
    ['whose positions are cut off is damaged', { o: [['id', 'orders', Uint8Array.of(0x80)]] }, 'damaged'],
  ])('%s', (_what, attributes, kind) => {
    const item = instanceToItem({ instance: instanceWith([]), seenMs: 5 }, 'v');
    const read = (): unknown =>
      instanceFromItem({ ...item, attributes: { ...item.attributes, ...attributes } });
    expect(read).toThrow(expect.objectContaining({ name: 'StorageFault', kind }) as StorageFault);
  });
});

describe('what an instance holds and what it is assigned', () => {
  const places = fc.uniqueArray(fc.record({ topicId: fc.constantFrom('a', 'b'), partition: fc.nat(5) }), {
    selector: ({ topicId, partition }) => `${topicId}:${partition}`,
  });
  const held = places.map((all) =>
    all.map((place) => ({ ...place, topic: place.topicId, next: 1, committed: undefined })),
  );
  const assigned = held.map((all): readonly AssignedTopic[] => ownedBy(all));

  it('is kept where both agree, given up or taken where they do not, and nothing else', () => {
    fc.assert(
      fc.property(held, assigned, (before, assignment) => {
        const { keep, giveUp, take } = planHeld(before, assignment);
        expect(new Set([...keep, ...giveUp])).toEqual(new Set(before));
        const after = [
          ...keep,
          ...take.map((place) => ({ ...place, next: undefined, committed: undefined })),
        ];
        const sorted = (topics: readonly AssignedTopic[]): readonly AssignedTopic[] =>
          [...topics].sort((a, b) => (a.topicId < b.topicId ? -1 : 1));
        expect(sorted(ownedBy(after))).toEqual(sorted(assignment));
      }),
    );
  });
});
