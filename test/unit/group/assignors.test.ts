import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignRange } from '../../../lib/group/assign/assign-range.ts';
import { assignUniform } from '../../../lib/group/assign/assign-uniform.ts';
import type { TopicToAssign } from '../../../lib/group/assign/assignment.ts';

const fresh = (partitionCount: number, subscribers: readonly number[]): TopicToAssign => {
  const nobody = new Array<number>(partitionCount).fill(0);
  return { owner: nobody, target: nobody, subscribers };
};

const loads = (targets: readonly (readonly number[])[], members: readonly number[]): number[] => {
  const counts = new Map<number, number>();
  for (const number of targets.flat()) counts.set(number, (counts.get(number) ?? 0) + 1);
  return members.map((member) => counts.get(member) ?? 0);
};

const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);

const moves = (topics: readonly TopicToAssign[], targets: readonly (readonly number[])[]): number =>
  topics.reduce(
    (sum, { target }, topic) =>
      sum + target.filter((number, partition) => targets[topic]?.[partition] !== number).length,
    0,
  );

/** The fewest changes that can make it even: what has nobody, and what some have too much or too little of. */
const fewestMoves = (topics: readonly TopicToAssign[], members: readonly number[]): number => {
  const all = topics.flatMap(({ target }) => target);
  const held = members
    .map((member) => all.filter((number) => number === member).length)
    .sort((a, b) => b - a);
  const each = Math.floor(all.length / members.length);
  const withOneMore = all.length % members.length;
  const final = held.map((_, place) => each + (place < withOneMore ? 1 : 0));
  const free = all.length - held.reduce((sum, count) => sum + count, 0);
  return free + held.reduce((sum, count, place) => sum + Math.max(0, count - (final[place] ?? 0)), 0);
};

const members = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Topics that everybody subscribes to, with some earlier distribution among these and others that are gone. */
const alike = fc
  .record({
    memberCount: fc.integer({ min: 1, max: 12 }),
    sizes: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
  })
  .chain(({ memberCount, sizes }) =>
    fc.record({
      everybody: fc.constant(members(memberCount)),
      targets: fc.tuple(
        ...sizes.map((size) =>
          fc.array(fc.integer({ min: 0, max: memberCount + 2 }), { minLength: size, maxLength: size }),
        ),
      ),
    }),
  )
  .map(({ everybody, targets }) => ({
    everybody,
    topics: targets.map((target): TopicToAssign => ({ owner: target, target, subscribers: everybody })),
  }));

/** Every topic with subscribers of its own. */
const unlike = fc
  .integer({ min: 1, max: 10 })
  .chain((memberCount) =>
    fc.array(
      fc.record({
        target: fc.array(fc.integer({ min: 0, max: memberCount + 2 }), { minLength: 1, maxLength: 12 }),
        owner: fc.array(fc.integer({ min: 0, max: memberCount + 2 }), { minLength: 12, maxLength: 12 }),
        subscribers: fc.subarray(members(memberCount), { minLength: 1 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  )
  .map((topics) =>
    topics.map(
      ({ owner, target, subscribers }): TopicToAssign => ({
        owner: owner.slice(0, target.length),
        target,
        subscribers,
      }),
    ),
  );

describe('the uniform assignor', () => {
  it('gives every partition to a subscriber of its topic', () => {
    fc.assert(
      fc.property(unlike, (topics) => {
        const targets = assignUniform(topics);
        topics.forEach(({ owner, subscribers }, topic) => {
          expect(targets[topic]).toHaveLength(owner.length);
          for (const member of targets[topic] ?? []) expect(subscribers).toContain(member);
        });
      }),
    );
  });

  it('gives members with the same topics as many partitions, or one more, and moves as few as that takes', () => {
    fc.assert(
      fc.property(alike, ({ everybody, topics }) => {
        const targets = assignUniform(topics);
        expect(spread(loads(targets, everybody))).toBeLessThanOrEqual(1);
        const live = topics.map((topic) => ({
          ...topic,
          target: topic.target.map((number) => (everybody.includes(number) ? number : 0)),
        }));
        expect(moves(live, targets)).toBe(fewestMoves(live, everybody));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves no partition that another subscriber of its topic should rather have', () => {
    fc.assert(
      fc.property(unlike, (topics) => {
        const targets = assignUniform(topics);
        const load = (member: number): number => targets.flat().filter((number) => number === member).length;
        topics.forEach(({ subscribers }, topic) => {
          for (const holder of targets[topic] ?? []) {
            for (const other of subscribers) expect(load(holder) - load(other)).toBeLessThanOrEqual(1);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it('changes nothing when it is asked again', () => {
    fc.assert(
      fc.property(unlike, (topics) => {
        const targets = assignUniform(topics);
        const again = topics.map((topic, index) => ({ ...topic, target: targets[index] ?? [] }));
        expect(assignUniform(again)).toEqual(targets);
      }),
    );
  });

  it('moves nothing but the orphans when one of eight members dies', () => {
    const before = assignUniform([fresh(64, members(8))])[0] ?? [];
    const rest = members(8).slice(1);
    const target = before.map((number) => (number === 1 ? 0 : number));
    const after = assignUniform([{ owner: target, target, subscribers: rest }]);
    expect(moves([{ owner: target, target, subscribers: rest }], after)).toBe(8);
    expect(spread(loads(after, rest))).toBe(1);
  });

  it('gives back what a member has not given up yet rather than something else', () => {
    // 1 owned everything; half was meant for 2, who has taken only partition 2 and leaves room for one.
    const topic = { owner: [1, 1, 2, 1], target: [1, 2, 2, 2], subscribers: [1, 2] };
    const [target = []] = assignUniform([topic]);
    expect(loads([target], [1, 2])).toEqual([2, 2]);
    expect(target[2]).toBe(2);
  });

  it('deals 10,000 partitions out to 2,000 members, and again after half of them have died', () => {
    const all = members(2_000);
    const [target = []] = assignUniform([fresh(10_000, all)]);
    expect(loads([target], all).every((count) => count === 5)).toBe(true);
    const rest = all.slice(1_000);
    const [after = []] = assignUniform([{ owner: target, target, subscribers: rest }]);
    expect(loads([after], rest).every((count) => count === 10)).toBe(true);
  });
});

describe('the range assignor', () => {
  it('deals out stretches in the order of the members, the first ones with one more', () => {
    expect(assignRange([fresh(7, [5, 9, 3])])).toEqual([[5, 5, 5, 9, 9, 3, 3]]);
    expect(assignRange([fresh(2, [5, 9, 3])])).toEqual([[5, 9]]);
  });

  it('brings the same partitions of like topics together', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), (size, memberCount) => {
        const [orders, payments] = assignRange([
          fresh(size, members(memberCount)),
          fresh(size, members(memberCount)),
        ]);
        expect(orders).toEqual(payments);
        expect(orders).toHaveLength(size);
      }),
    );
  });

  it('gives a topic only to those who subscribe to it', () => {
    expect(assignRange([fresh(2, [1, 2]), fresh(3, [2])])).toEqual([
      [1, 2],
      [2, 2, 2],
    ]);
  });
});
