import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../lib/adapters/system/index.ts';
import { type Group, groupFromItem, groupToItem, MEMBER_NUMBERS } from '../../../lib/group/group-item.ts';
import { changeGroup, newGroup, putGroup, readGroup } from '../../../lib/group/group-store.ts';
import { type Member, memberFromItem, memberToItem } from '../../../lib/group/members/member-item.ts';
import { GROUPS_KEY } from '../../../lib/group/registry.ts';
import { unregister } from '../../../lib/group/unregister.ts';
import { LIMITS } from '../../../lib/limits.ts';
import { engineParts } from '../../../lib/open-log.ts';
import type { Item } from '../../../lib/storage/table.ts';
import { stage } from './members-support.ts';

const GROUP: Group = {
  groupId: 'g',
  groupEpoch: 7,
  incarnation: 'aaaaaaaaaaaaaaaaaaaaaa',
  assignor: 'range',
  changedMs: 1_700_000_000_000,
  subscriptions: [{ topics: ['orders'], topicRegex: 'o.*', assignor: 'range' }],
  roster: [
    { number: 0x0102_0304_0506, subscription: 0 },
    { number: 9, subscription: 0 },
  ],
  topics: [
    {
      topicId: 'T'.repeat(22),
      name: 'orders',
      owner: [9, 0, 0x0102_0304_0506],
      target: [9, 9, 0x0102_0304_0506],
    },
    { topicId: 'U'.repeat(22), name: 'payments', owner: [9], target: [9] },
  ],
};

const MEMBER: Member = {
  memberId: 'm',
  number: 9,
  memberEpoch: 7,
  previousEpoch: 6,
  instanceId: 'i',
  clientId: 'c',
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 300_000,
  seenMs: 1_700_000_000_000,
  revokingSinceMs: 5,
  version: 'v',
};

const hex = (bytes: unknown): string =>
  bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : '';

describe('the items of a group', () => {
  it('are laid out as documented', () => {
    const { pk, sk, attributes } = groupToItem(GROUP, 'v');
    expect([pk, sk]).toEqual(['group#g', 'group']);
    const { m, t, ...plain } = attributes;
    expect(plain).toEqual({
      f: 1,
      e: 7,
      i: 'aaaaaaaaaaaaaaaaaaaaaa',
      a: 'range',
      c: 1_700_000_000_000,
      s: [[['orders'], 'o.*', 'range']],
    });
    expect(hex(m)).toBe('01020304050600000000000000090000');
    const [orders, payments] = t as unknown as [unknown[], unknown[]];
    expect(orders.slice(0, 2)).toEqual(['T'.repeat(22), 'orders']);
    expect(orders.slice(2).map(hex)).toEqual(['000200000001', '000200020001']);
    expect(payments.slice(2).map(hex)).toEqual(['0002']);
    expect(memberToItem('g', MEMBER, 'w')).toEqual({
      pk: 'group#g',
      sk: 'm#m',
      version: 'w',
      attributes: {
        f: 1,
        n: 9,
        e: 7,
        p: 6,
        i: 'i',
        c: 'c',
        s: 45_000,
        r: 300_000,
        t: 1_700_000_000_000,
        u: 5,
      },
    });
  });

  it('come back as they were', () => {
    const number = fc.integer({ min: 1, max: MEMBER_NUMBERS - 1 });
    const group = fc.uniqueArray(number, { maxLength: 20 }).chain((numbers) => {
      const holder = fc.constantFrom(0, ...numbers);
      const holders = fc.array(fc.tuple(holder, holder), { minLength: 1, maxLength: 30 });
      const topics = fc.uniqueArray(fc.record({ name: fc.string({ minLength: 1 }), holders }), {
        selector: ({ name }) => name,
        maxLength: 4,
      });
      return topics.map(
        (drawn): Group => ({
          ...GROUP,
          roster: numbers.map((one, place) => ({ number: one, subscription: place % 3 })),
          topics: drawn.map(({ name, holders: pairs }) => ({
            topicId: name,
            name,
            owner: pairs.map(([owner]) => owner),
            target: pairs.map(([, target]) => target),
          })),
        }),
      );
    });
    fc.assert(
      fc.property(group, (one) => {
        expect(groupFromItem(groupToItem(one, 'v'))).toEqual(one);
      }),
    );
    for (const member of [MEMBER, { ...MEMBER, instanceId: '', clientId: '', revokingSinceMs: 0 }])
      expect(memberFromItem(memberToItem('g', member, 'v'))).toEqual(member);
  });

  it('are refused by name when they are newer, and called damaged when they make no sense', () => {
    const item = groupToItem(GROUP, 'v');
    const changed = (attributes: Item<string>['attributes']): Item<string> => ({
      ...item,
      attributes: { ...item.attributes, ...attributes },
    });
    const kindOf = (broken: Item<string>): unknown => {
      try {
        return groupFromItem(broken);
      } catch (fault) {
        return (fault as { kind?: unknown }).kind;
      }
    };
    expect(kindOf(changed({ f: 2 }))).toBe('refused');
    expect(kindOf(changed({ a: 'sticky' }))).toBe('damaged');
    expect(kindOf(changed({ s: ['x'] }))).toBe('damaged');
    expect(kindOf(changed({ t: [['id', 'name', new Uint8Array([0, 9])]] }))).toBe('damaged');
    expect(kindOf(changed({ t: [['id', 'name', new Uint8Array(2), new Uint8Array(4)]] }))).toBe('damaged');
    expect(kindOf(changed({ e: 'seven' }))).toBe('damaged');
  });
});

describe('the list of groups', () => {
  it('has a group before it is there, and keeps it while somebody may be about to create it', async () => {
    const at = await stage({ orders: 1 });
    const parts = engineParts(at.storage);
    const entryOf = async (): Promise<Item<string> | undefined> =>
      (await at.storage.catalog.get({ pk: GROUPS_KEY, sk: 'g' }, { consistent: true }, at.call())).item;
    // It is put on the list and then its creator falls asleep.
    const seen = await readGroup(parts, 'g', { consistent: true }, at.call());
    await putGroup(parts, seen, newGroup(parts, seen), at.call());
    await changeGroup(parts, 'g', () => undefined, at.call());
    const entry = await entryOf();
    if (entry === undefined) throw new Error('it is on the list');
    expect(await unregister(parts, entry, at.call())).toBe(false);
    at.clock.advance(LIMITS.groupRegistrationMsMin + 1);
    // Somebody creates it anew meanwhile: the entry is another one.
    await changeGroup(parts, 'g', (now) => now.group ?? newGroup({ random: systemRandom() }, now), at.call());
    expect(await unregister(parts, entry, at.call())).toBe(false);
    expect((await at.groups.list(at.call())).map(({ groupId }) => groupId)).toEqual(['g']);
    await changeGroup(parts, 'g', () => undefined, at.call());
    at.clock.advance(LIMITS.groupRegistrationMsMin + 1);
    const renewed = await entryOf();
    expect(renewed !== undefined && (await unregister(parts, renewed, at.call()))).toBe(true);
    expect(await entryOf()).toBeUndefined();
  });

  it('is not joined by a group whose creator slept for long: it has to begin anew', async () => {
    const at = await stage({ orders: 1 });
    const { catalog } = at.storage;
    const put: typeof catalog.put = async (item, ...rest) => {
      if (item.sk === 'group') at.clock.advance(LIMITS.fenceAgeMsMax + 1);
      return catalog.put(item, ...rest);
    };
    const via = await at.process({ catalog: { ...catalog, put } });
    expect(await at.member('a').refusal({ via })).toBe('REQUEST_TIMED_OUT');
    expect(await at.groups.list(at.call())).toEqual([]);
  });

  it('gives a group that was deleted another incarnation when it is there again', async () => {
    const at = await stage({ orders: 1 });
    const parts = engineParts(at.storage);
    const incarnation = async (): Promise<string | undefined> =>
      (await readGroup(parts, 'g', { consistent: true }, at.call())).group?.incarnation;
    const a = at.member('a');
    await a.beat();
    const first = await incarnation();
    await a.beat({ memberEpoch: -1 });
    await at.groups.delete('g', at.call());
    expect(await incarnation()).toBeUndefined();
    await at.member('b').beat();
    expect(await incarnation()).not.toBe(first);
  });
});
