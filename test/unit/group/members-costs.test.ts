import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../lib/adapters/system/index.ts';
import { type Group, groupItemKey } from '../../../lib/group/group-item.ts';
import { newGroup } from '../../../lib/group/group-store.ts';
import type { BeatPlan } from '../../../lib/group/members/beat-plan.ts';
import { planJoin } from '../../../lib/group/members/plan-join.ts';
import { LIMITS } from '../../../lib/limits.ts';
import { itemBytes } from '../../../lib/storage/units.ts';
import { GROUP, type Stage, settle, stage, type TestMember } from './members-support.ts';

const groupBytes = async (at: Stage): Promise<number> => {
  const { item } = await at.storage.catalog.get(groupItemKey(GROUP), { consistent: true }, at.call());
  return item === undefined ? 0 : itemBytes(item);
};

describe('what heartbeats use', () => {
  it('is one request of half a read unit while there is nothing to do', async () => {
    const at = await stage({ orders: 16 });
    const members = ['a', 'b', 'c', 'd'].map((id) => at.member(id));
    await settle(members);
    for (const member of members) {
      const { usage } = await member.metered();
      expect(usage).toMatchObject({ tableReads: 1, readUnits: 0.5, tableWrites: 0, objectGets: 0 });
    }
  });

  it('is the same through a process that has never met the group', async () => {
    const at = await stage({ orders: 16 });
    const a = at.member('a');
    await settle([a]);
    const { usage } = await a.metered({ via: await at.process() });
    expect(usage).toMatchObject({ tableReads: 1, tableWrites: 0 });
  });

  it('is one write of one unit more at most every third of the session timeout', async () => {
    const at = await stage({ orders: 4 });
    const a = at.member('a', { sessionTimeoutMs: 45_000 });
    await settle([a]);
    let writes = 0;
    for (let beats = 0; beats < 36; beats += 1) {
      at.clock.advance(5_000);
      const { usage } = await a.metered();
      expect(usage.tableReads).toBeLessThanOrEqual(2);
      expect(usage.writeUnits).toBe(usage.tableWrites);
      writes += usage.tableWrites;
    }
    expect(writes).toBe(180 / 15);
  });

  it('is a read of each topic once a minute besides', async () => {
    const at = await stage({ orders: 4, payments: 4 });
    const a = at.member('a');
    await settle([a]);
    let reads = 0;
    for (let beats = 0; beats < 120; beats += 1) {
      at.clock.advance(5_000);
      reads += (await a.metered()).usage.tableReads;
    }
    expect(reads).toBeLessThanOrEqual(120 + 10 * 2);
  });

  it('is three requests for a join: a look, the item, the group; and two more for the first of all', async () => {
    const at = await stage({ orders: 4 });
    // The topic itself is remembered from its creation, for a minute.
    expect((await at.member('a').metered()).usage).toMatchObject({ tableReads: 2, tableWrites: 3 });
    expect((await at.member('b').metered()).usage).toMatchObject({
      tableReads: 1,
      tableWrites: 2,
      lostWrites: 0,
    });
  });

  it('is a look, the group and the item for a step of a rebalance', async () => {
    const at = await stage({ orders: 4 });
    const [a, b] = [at.member('a'), at.member('b')];
    await a.beat();
    await b.beat();
    await a.beat();
    // Gives up half: a glance, a look, the group, the item.
    expect((await a.metered()).usage).toMatchObject({ tableReads: 2, tableWrites: 2, lostWrites: 0 });
    // Takes it: the member is at that epoch already.
    expect((await b.metered()).usage).toMatchObject({ tableReads: 2, tableWrites: 1, lostWrites: 0 });
  });
});

describe('a group of 1,000 members and 1,000 partitions', () => {
  it('settles, every item far below 100 KB, with steady heartbeats of one request', {
    timeout: 60_000,
  }, async () => {
    const at = await stage({ orders: 1_000 });
    const members: TestMember[] = [];
    let largest = 0;
    for (let count = 0; count < 1_000; count += 1) {
      const member = at.member(`member-${String(count).padStart(4, '0')}-of-the-group`);
      await member.beat();
      members.push(member);
      if (count % 100 === 99) largest = Math.max(largest, await groupBytes(at));
    }
    const rounds = await settle(members, 12);
    largest = Math.max(largest, await groupBytes(at));
    expect(members.every(({ owns }) => owns.length === 1)).toBe(true);
    expect(new Set(members.flatMap(({ owns }) => owns)).size).toBe(1_000);
    console.info(
      `1,000 members × 1,000 partitions: settled after ${rounds} rounds, group item at most ${largest} bytes`,
    );
    expect(largest).toBeLessThan(15_000);
    expect(largest).toBeLessThan(LIMITS.groupItemBytesMax);

    // Drawn so that it is nobody's turn to look at everybody.
    const fresh = await at.process({ random: { ...systemRandom(), next: () => 0.5 } });
    const [first] = members;
    await first?.beat({ via: fresh });
    const { usage } = (await first?.metered({ via: fresh })) ?? {};
    expect(usage).toMatchObject({ tableReads: 1, tableWrites: 0 });
    expect(usage?.readUnits).toBe(1.5);

    // One dies. The others notice, and one of them takes its partition.
    const dead = members.pop();
    at.clock.advance(30_000);
    for (const member of members) await member.beat();
    at.clock.advance(16_000);
    const [orphan = ''] = dead?.owns ?? [];
    let beats = 0;
    for (; !members.some(({ owns }) => owns.includes(orphan)) && beats < 5 * members.length; beats += 1) {
      await members[beats % members.length]?.beat();
    }
    expect(members.filter(({ owns }) => owns.includes(orphan))).toHaveLength(1);
  });

  it('refuses more members than it may have', () => {
    const observation = { sentWallMs: 0, sentMonotonicMs: 0 };
    const subscription = { topics: ['orders'], topicRegex: '', assignor: '' } as const;
    const seen = { groupId: GROUP, group: undefined, version: undefined, observation };
    const crowd = (size: number): Group => ({
      ...newGroup({ random: systemRandom() }, seen),
      subscriptions: [subscription],
      roster: Array.from({ length: size }, (_, index) => ({ number: index + 1, subscription: 0 })),
    });
    const planFor = (group: Group): BeatPlan => {
      const look = { seen: { ...seen, group }, members: [], isComplete: false, isConsistent: true };
      const beat = { groupId: GROUP, memberId: 'one-more', memberEpoch: 0, owned: [] };
      const covers = (): boolean => true;
      return planJoin(group, look, beat, { nowMs: 0, covers, there: [], subscription, number: 9_999 });
    };
    expect(planFor(crowd(LIMITS.membersPerGroupMax - 1)).kind).toBe('go');
    expect(planFor(crowd(LIMITS.membersPerGroupMax))).toMatchObject({
      kind: 'refuse',
      error: { code: 'GROUP_MAX_SIZE_REACHED' },
    });
  });

  it('refuses more topics than its item can hold, and stores nothing', async () => {
    const at = await stage({ a: 10_000, b: 10_000, c: 10_000 });
    expect(await at.member('m').refusal()).toBe('GROUP_MAX_SIZE_REACHED');
    const page = await at.storage.catalog.query(`group#${GROUP}`, { limit: 10, consistent: true }, at.call());
    expect(page.items).toEqual([]);
    expect(await at.member('m', { subscription: { topics: ['a', 'b'] } }).refusal()).toBe('none');
  });
});
