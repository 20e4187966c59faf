import { beforeEach, describe, expect, it } from 'vitest';
import { GROUP, ownedByAll, type Stage, settle, stage } from './members-support.ts';

let at: Stage;

beforeEach(async () => {
  at = await stage({ orders: 4 });
});

const EVERYTHING = ['orders:0', 'orders:1', 'orders:2', 'orders:3'];

describe('joining', () => {
  it('gives the first member everything, at epoch 1', async () => {
    const answer = await at.member('a').beat();
    expect(answer).toMatchObject({ memberId: 'a', memberEpoch: 1, heartbeatIntervalMs: 5_000 });
    expect(answer.assignment?.[0]).toMatchObject({ topic: 'orders', partitions: [0, 1, 2, 3] });
  });

  it('gives the second member its half only once the first has given it up', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    await a.beat();
    expect((await b.beat()).assignment).toEqual([]);
    // The first still says that it owns everything, so nothing is free.
    const told = await a.beat();
    expect(told.memberEpoch).toBe(1);
    expect(a.owns).toHaveLength(2);
    await b.beat();
    expect(b.owns).toEqual([]);
    expect((await a.beat()).memberEpoch).toBe(2);
    await b.beat();
    expect(ownedByAll([a, b])).toEqual(EVERYTHING);
    expect(b.owns).toHaveLength(2);
  });

  it('leaves members without partitions when there are more of them', async () => {
    const members = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => at.member(id));
    await settle(members);
    expect(ownedByAll(members)).toEqual(EVERYTHING);
    expect(members.map(({ owns }) => owns.length).sort()).toEqual([0, 0, 1, 1, 1, 1]);
  });

  it('answers a repeated join with the same place and everything it may own', async () => {
    const a = at.member('a');
    await a.beat();
    a.forget();
    const again = await a.beat();
    expect(again.memberEpoch).toBe(1);
    expect(a.owns).toEqual(EVERYTHING);
  });

  it('takes the subscription of a member that joins again', async () => {
    await at.log.createTopic({ name: 'payments' }, at.call());
    const a = at.member('a');
    await a.beat();
    a.forget();
    await a.beat({ subscription: { topics: ['payments'] } });
    expect(a.owns).toEqual(['payments:0']);
  });

  it('waits for topics that do not exist yet', async () => {
    const a = at.member('a', { subscription: { topics: ['later'] } });
    expect((await a.beat()).assignment).toEqual([]);
  });

  it('lets concurrent joins through one process and through several in', async () => {
    const processes = await Promise.all([at.process(), at.process(), at.process()]);
    const members = Array.from({ length: 12 }, (_, index) => {
      const via = processes[index % 3];
      return at.member(`m${index}`, via === undefined ? {} : { via });
    });
    await Promise.all(members.map((member) => member.beat()));
    await settle(members);
    expect(ownedByAll(members)).toEqual(EVERYTHING);
    expect((await at.groups.describe(GROUP, at.call())).members).toHaveLength(12);
  });

  it.each([
    ['no subscription', { subscription: undefined }, 'INVALID_REQUEST'],
    ['an empty subscription', { subscription: { topics: [] } }, 'INVALID_REQUEST'],
    ['a topic that can never be', { subscription: { topics: ['a b'] } }, 'INVALID_TOPIC_EXCEPTION'],
    [
      'too many topics',
      { subscription: { topics: Array.from({ length: 1_001 }, (_, i) => `t${i}`) } },
      'INVALID_REQUEST',
    ],
    ['a broken expression', { subscription: { topicRegex: '(' } }, 'INVALID_REGULAR_EXPRESSION'],
    [
      'an expression that RE2 has not',
      { subscription: { topicRegex: '(?=a)' } },
      'INVALID_REGULAR_EXPRESSION',
    ],
    [
      'an endless expression',
      { subscription: { topicRegex: 'x'.repeat(1_001) } },
      'INVALID_REGULAR_EXPRESSION',
    ],
    ['an unknown assignor', { assignor: 'sticky' }, 'UNSUPPORTED_ASSIGNOR'],
    [
      'partitions in its hands',
      { owned: [{ topicId: 'x', topic: 'orders', partitions: [0] }] },
      'INVALID_REQUEST',
    ],
    ['no word about what it owns', { owned: undefined }, 'INVALID_REQUEST'],
    ['a session that is too short', { sessionTimeoutMs: 5_999 }, 'INVALID_SESSION_TIMEOUT'],
    ['a session that is too long', { sessionTimeoutMs: 1_800_001 }, 'INVALID_SESSION_TIMEOUT'],
    ['no time to rebalance', { rebalanceTimeoutMs: 0 }, 'INVALID_REQUEST'],
    ['an epoch below -2', { memberEpoch: -3 }, 'INVALID_REQUEST'],
    ['half an epoch', { memberEpoch: 0.5 }, 'INVALID_REQUEST'],
    ['no member id', { memberId: '' }, 'INVALID_REQUEST'],
    ['an endless member id', { memberId: 'é'.repeat(128) }, 'INVALID_REQUEST'],
    ['half a surrogate pair', { memberId: '\ud800' }, 'INVALID_REQUEST'],
    ['a broken instance id', { instanceId: '' }, 'INVALID_REQUEST'],
    ['a broken client id', { clientId: '\udfff' }, 'INVALID_REQUEST'],
    ['no group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['an endless group id', { groupId: 'g'.repeat(256) }, 'INVALID_GROUP_ID'],
    ['a broken group id', { groupId: 'a\ud800b' }, 'INVALID_GROUP_ID'],
  ])('is refused with %s, and nothing is stored', async (_, change, code) => {
    expect(await at.member('a').refusal(change as object)).toBe(code);
    expect(await at.groups.list(at.call())).toEqual([]);
    const page = await at.storage.catalog.query(`group#${GROUP}`, { limit: 10, consistent: true }, at.call());
    expect(page.items).toEqual([]);
  });

  it.each(['#', 'm#', 'group', 'ünïcödé ❤', '\u0000', '__proto__', 'a#group', '\u{10ffff}x'])(
    'takes %j as a group id and as a member id',
    async (name) => {
      const a = at.member(name, { groupId: name });
      await a.beat();
      await a.beat();
      expect(a.owns).toEqual(EVERYTHING);
      expect((await at.groups.list(at.call())).map(({ groupId }) => groupId)).toEqual([name]);
      expect((await at.groups.describe(name, at.call())).members[0]?.memberId).toBe(name);
    },
  );
});

describe('epochs', () => {
  it('refuses a member that nobody knows, and one of a group that is not there', async () => {
    await at.member('a').beat();
    expect(await at.member('x').refusal({ memberEpoch: 1 })).toBe('UNKNOWN_MEMBER_ID');
    expect(await at.member('a').refusal({ memberEpoch: 1, groupId: 'other' })).toBe('UNKNOWN_MEMBER_ID');
    expect(await at.member('x').refusal({ memberEpoch: -1 })).toBe('UNKNOWN_MEMBER_ID');
  });

  it('fences an epoch ahead of the member, and one behind it', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    await settle([a]);
    await settle([a, b]);
    expect(await a.refusal({ memberEpoch: a.epoch + 1 })).toBe('FENCED_MEMBER_EPOCH');
    expect(await a.refusal({ memberEpoch: a.epoch - 1, owned: undefined })).toBe('FENCED_MEMBER_EPOCH');
    expect(await a.refusal()).toBe('none');
  });

  it('takes the epoch before from a member that has missed an answer, if it owns nothing beyond its assignment', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    await settle([a]);
    await settle([a, b]);
    const [topic] =
      (await at.groups.describe(GROUP, at.call())).members.find(({ memberId }) => memberId === 'a')
        ?.assignment ?? [];
    const owned = topic === undefined ? [] : [{ ...topic, partitions: topic.partitions.slice(0, 1) }];
    const answer = await a.beat({ memberEpoch: 1, owned });
    expect(answer.memberEpoch).toBe(2);
    expect(answer.assignment).toEqual(topic === undefined ? [] : [topic]);
    const others = [{ topicId: topic?.topicId ?? '', topic: 'orders', partitions: [0, 1, 2, 3] }];
    expect(await a.refusal({ memberEpoch: 1, owned: others })).toBe('FENCED_MEMBER_EPOCH');
  });

  it('tells the assignment only when it is news, or not what the member says it has', async () => {
    const a = at.member('a');
    const { assignment } = await a.beat();
    expect((await a.beat({ owned: assignment ?? [] })).assignment).toBeUndefined();
    expect((await a.beat()).assignment).toBeUndefined();
    expect((await a.beat({ owned: [] })).assignment).toEqual(assignment);
  });
});

describe('giving partitions up', () => {
  it('keeps a member at its epoch until it says that it has, however often it is heard of', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    const { assignment = [] } = await a.beat();
    await b.beat();
    for (let round = 0; round < 3; round += 1) {
      expect((await a.beat({ owned: assignment })).memberEpoch).toBe(1);
      expect((await a.beat({ owned: undefined })).memberEpoch).toBe(1);
      await b.beat();
      expect(b.owns).toEqual([]);
    }
  });

  it('expels a member that does not within its rebalance timeout', async () => {
    const [a, b] = [at.member('a', { rebalanceTimeoutMs: 30_000 }), at.member('b')];
    const { assignment = [] } = await a.beat();
    await b.beat();
    for (let ms = 0; ms <= 30_000; ms += 5_000) {
      await a.beat({ owned: assignment, memberEpoch: 1 });
      await b.beat();
      at.clock.advance(5_000);
    }
    await b.beat();
    expect(b.owns).toEqual(EVERYTHING);
    expect(await a.refusal({ memberEpoch: 1 })).toBe('UNKNOWN_MEMBER_ID');
  });

  it('counts the time anew for the next thing it has to give up', async () => {
    const [a, b, c] = [at.member('a', { rebalanceTimeoutMs: 30_000 }), at.member('b'), at.member('c')];
    await settle([a]);
    await settle([a, b]);
    at.clock.advance(25_000);
    await settle([a, b]);
    at.clock.advance(25_000);
    await settle([a, b, c]);
    expect(ownedByAll([a, b, c])).toEqual(EVERYTHING);
  });
});

describe('leaving', () => {
  it('frees everything at once', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    await settle([a]);
    await settle([a, b]);
    expect((await a.beat({ memberEpoch: -1 })).memberEpoch).toBe(-1);
    await b.beat();
    expect(b.owns).toEqual(EVERYTHING);
    expect(await a.refusal({ memberEpoch: 2 })).toBe('UNKNOWN_MEMBER_ID');
  });

  it('leaves nothing of the member behind', async () => {
    const a = at.member('a');
    await a.beat();
    await a.beat({ memberEpoch: -1 });
    const page = await at.storage.catalog.query(`group#${GROUP}`, { limit: 10, consistent: true }, at.call());
    expect(page.items.map(({ sk }) => sk)).toEqual(['group']);
    expect(await at.groups.describe(GROUP, at.call())).toMatchObject({
      state: 'EMPTY',
      members: [],
      isSimple: false,
    });
  });

  it('is not for a while without an instance id', async () => {
    const a = at.member('a');
    await a.beat();
    expect(await a.refusal({ memberEpoch: -2 })).toBe('INVALID_REQUEST');
    expect(await a.refusal({ memberEpoch: 1 })).toBe('none');
  });
});

describe('subscriptions', () => {
  it('change with a heartbeat', async () => {
    await at.log.createTopic({ name: 'payments', partitionCount: 2 }, at.call());
    const [a, b] = [at.member('a'), at.member('b')];
    await settle([a, b]);
    await a.beat({ subscription: { topics: ['payments'] } });
    await settle([a, b]);
    expect(a.owns).toEqual(['payments:0', 'payments:1']);
    expect(b.owns).toEqual(EVERYTHING);
  });

  it('may each be different', async () => {
    await at.log.createTopic({ name: 'payments', partitionCount: 4 }, at.call());
    const a = at.member('a');
    const b = at.member('b', { subscription: { topics: ['payments'] } });
    const c = at.member('c', { subscription: { topics: ['orders', 'payments'] } });
    await settle([a, b, c]);
    expect(ownedByAll([a, b, c])).toHaveLength(8);
    expect(a.owns.every((name) => name.startsWith('orders'))).toBe(true);
    expect(b.owns.every((name) => name.startsWith('payments'))).toBe(true);
    expect([a, b, c].map(({ owns }) => owns.length).sort()).toEqual([2, 3, 3]);
  });

  it('by regular expression take in whole names, and no internal ones', async () => {
    for (const name of ['orders-eu', 'orders-us', 'reorders', '__orders-x'])
      await at.log.createTopic({ name }, at.call());
    const a = at.member('a', { subscription: { topicRegex: 'orders.*|__.*' } });
    await a.beat();
    expect(a.owns).toEqual([...EVERYTHING, 'orders-eu:0', 'orders-us:0']);
    const b = at.member('b', {
      groupId: 'other',
      subscription: { topicRegex: 'none', topics: ['reorders'] },
    });
    await b.beat();
    expect(b.owns).toEqual(['reorders:0']);
  });

  it('notice within two minutes what happens to topics', async () => {
    const a = at.member('a', { subscription: { topics: ['orders', 'later'] } });
    const r = at.member('r', { groupId: 'regex', subscription: { topicRegex: 'o.*|later' } });
    const wait = async (): Promise<void> => {
      for (let ms = 0; ms < 120_000; ms += 5_000) {
        at.clock.advance(5_000);
        await a.beat();
        await r.beat();
      }
      expect(r.owns).toEqual([...a.owns].sort());
    };
    await a.beat();
    await r.beat();
    const other = await at.process();
    await other.log.createTopic({ name: 'later' }, at.call());
    await wait();
    expect(a.owns).toEqual(['later:0', ...EVERYTHING]);
    await other.log.createPartitions('orders', 5, at.call());
    await wait();
    expect(a.owns).toEqual(['later:0', ...EVERYTHING, 'orders:4']);
    await other.log.deleteTopic('orders', at.call());
    await other.log.createTopic({ name: 'orders', partitionCount: 1 }, at.call());
    await wait();
    expect(a.owns).toEqual(['later:0', 'orders:0']);
    await other.log.deleteTopic('later', at.call());
    await wait();
    expect(a.owns).toEqual(['orders:0']);
  });
});

describe('assignors', () => {
  it('are chosen by most of the members that name one', async () => {
    await at.log.createTopic({ name: 'payments', partitionCount: 4 }, at.call());
    const subscription = { topics: ['orders', 'payments'] };
    const a = at.member('a', { subscription, assignor: 'range' });
    const b = at.member('b', { subscription });
    await settle([a, b]);
    expect(a.owns).toEqual(['orders:0', 'orders:1', 'payments:0', 'payments:1']);
    expect((await at.groups.describe(GROUP, at.call())).assignor).toBe('range');
    const c = at.member('c', { subscription, assignor: 'uniform' });
    await settle([a, b, c]);
    expect((await at.groups.describe(GROUP, at.call())).assignor).toBe('uniform');
    await a.beat({ assignor: 'uniform' });
    expect(await a.refusal({ assignor: 'sticky' })).toBe('UNSUPPORTED_ASSIGNOR');
  });
});
