import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/errors.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { Item, Table } from '../../../lib/storage/table.ts';
import {
  type Change,
  GROUP,
  ownedByAll,
  type Stage,
  settle,
  stage,
  type TestMember,
} from './members-support.ts';

type Moment = 'before' | 'after';

/** Kills its process at the nth request, before or after it has taken effect; every request fails from then on. */
function deadlyTable(
  table: Table<string>,
  death: { readonly at: number; readonly moment: Moment },
): { readonly table: Table<string>; readonly isDead: () => boolean } {
  let count = 0;
  const through = async <T>(request: () => Promise<T>): Promise<T> => {
    const isDeadly = count >= death.at;
    const happens = count < death.at || (count === death.at && death.moment === 'after');
    count += 1;
    const answer = happens ? await request() : undefined;
    if (isDeadly || answer === undefined) throw new Error('the process died');
    return answer;
  };
  return {
    isDead: () => count > death.at,
    table: {
      ...table,
      get: (...args) => through(() => table.get(...args)),
      put: (...args) => through(() => table.put(...args)),
      query: (...args) => through(() => table.query(...args)),
      delete: (...args) => through(() => table.delete(...args)),
    },
  };
}

interface Cast {
  readonly a: TestMember;
  readonly b: TestMember;
  readonly s1: TestMember;
  readonly s2: TestMember;
}

type Step = (cast: Cast, via: Change) => Promise<unknown>;

/** Everything that members do, one heartbeat at a time. */
const STEPS: readonly (readonly [string, Step])[] = [
  ['the first joins', ({ a }, via) => a.beat(via)],
  ['another joins', ({ b }, via) => b.beat(via)],
  ['the first is told to give up', ({ a }, via) => a.beat(via)],
  ['the first gives up', ({ a }, via) => a.beat(via)],
  ['the other takes', ({ b }, via) => b.beat(via)],
  ['a static member joins', ({ s1 }, via) => s1.beat(via)],
  [
    'the first gives up more',
    async ({ a, b }, via) => {
      await a.beat();
      await b.beat();
      await a.beat(via);
    },
  ],
  ['the static member leaves for a while', ({ s1 }, via) => s1.beat({ ...via, memberEpoch: -2 })],
  ['the static member comes back', ({ s2 }, via) => s2.beat(via)],
  ['the first leaves', ({ a }, via) => a.beat({ ...via, memberEpoch: -1 })],
  ['the other sees it', ({ b }, via) => b.beat(via)],
];

describe('a process that dies at any request', () => {
  it.each(
    STEPS.flatMap(([name], index) => [[name, index, 'before'] as const, [name, index, 'after'] as const]),
  )('while %s (%d, %s the request) costs nothing but a repeated heartbeat', async (name, index, moment) => {
    for (let deathAt = 0; ; deathAt += 1) {
      const at = await stage({ orders: 6 });
      const cast: Cast = {
        a: at.member('a'),
        b: at.member('b'),
        s1: at.member('s1', { instanceId: 's' }),
        s2: at.member('s2', { instanceId: 's' }),
      };
      for (const [, step] of STEPS.slice(0, index)) await step(cast, {});
      const deadly = deadlyTable(at.storage.catalog, { at: deathAt, moment });
      const dying = await at.process({ catalog: deadly.table, clusterId: at.log.clusterId });
      const died = await outcome(STEPS[index]?.[1](cast, { via: dying }));
      if (!deadly.isDead()) {
        expect(died).toBe('done');
        expect(deathAt).toBeGreaterThan(0);
        return;
      }
      const [retried, ...rest] = STEPS.slice(index);
      // Only a member that has left already is told that nobody knows it.
      const retry = await outcome(retried?.[1](cast, {}));
      expect(retry === 'done' || (retry === 'refused' && name === 'the first leaves')).toBe(true);
      for (const [, step] of rest) expect(await outcome(step(cast, {}))).toBe('done');
      await expectSound(at, [cast.b, cast.s2]);
    }
  });
});

describe('a member whose item was cleared away while it joined', () => {
  it('is no ghost: nobody knows it, and it may join again', async () => {
    const at = await stage({ orders: 6 });
    const a = at.member('a');
    await a.beat();
    let isFirst = true;
    const put: Table<string>['put'] = async (item, ...rest) => {
      if (item.sk === 'group' && isFirst) {
        isFirst = false;
        // So long that the item looks forsaken, and is removed.
        at.clock.advance(7_000);
        await a.beat();
      }
      return at.storage.catalog.put(item, ...rest);
    };
    const via = await at.process({ catalog: { ...at.storage.catalog, put } });
    const b = at.member('b', { sessionTimeoutMs: 6_000, via });
    await b.beat();
    expect(await b.refusal()).toBe('UNKNOWN_MEMBER_ID');
    for (let round = 0; round < 3; round += 1) await a.beat();
    expect(a.owns).toHaveLength(6);
    b.forget();
    await b.beat();
    await settle([a, b]);
    expect(ownedByAll([a, b])).toHaveLength(6);
  });
});

describe('answers that are lost', () => {
  it('change nothing: the retry finds what it did', async () => {
    for (let lost = 0; lost < 12; lost += 1) {
      const at = await stage({ orders: 6 });
      let count = 0;
      const put: Table<string>['put'] = async (...args) => {
        const result = await at.storage.catalog.put(...args);
        count += 1;
        if (count === lost + 1) throw new StorageFault('interrupted', 'the connection broke');
        return result;
      };
      const via = await at.process({ catalog: { ...at.storage.catalog, put } });
      const members = [
        at.member('a', { via }),
        at.member('b', { via }),
        at.member('s', { via, instanceId: 's' }),
      ];
      for (const member of members) await member.beat();
      await settle(members);
      await expectSound(at, members);
    }
  });
});

describe('stale reads and many processes', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'never part a living member from its group, nor put a partition into two hands (seed %d)',
    async (seed) => {
      const at = await stage({ orders: 8, payments: 3 });
      const dice = diceOf(seed);
      const stale = staleTable(at.storage.catalog, dice);
      const processes = await Promise.all(
        Array.from({ length: 4 }, () => at.process({ catalog: stale, clusterId: at.log.clusterId })),
      );
      const everybody = Array.from({ length: 5 }, (_, index) => at.member(`m${index}`));
      const present = new Set<TestMember>();
      for (let step = 0; step < 300; step += 1) {
        const member = everybody[dice(everybody.length)];
        const via = processes[dice(processes.length)];
        if (member === undefined || via === undefined) continue;
        at.clock.advance(dice(1_500));
        const leaves = present.has(member) && dice(12) === 0;
        await member.beat(leaves ? { via, memberEpoch: -1 } : { via });
        if (leaves) present.delete(member);
        else present.add(member);
        const owned = ownedByAll([...present]);
        expect(new Set(owned).size).toBe(owned.length);
      }
      const members = [...present];
      await settle(members);
      await expectSound(at, members);
    },
  );

  it('let heartbeats of one member through two processes at once do no harm', async () => {
    const at = await stage({ orders: 4 });
    const other = await at.process();
    const [a, b] = [at.member('a'), at.member('b')];
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([
        outcome(a.beat()),
        outcome(a.beat({ via: other })),
        outcome(b.beat()),
        outcome(b.beat({ via: other })),
      ]);
      at.clock.advance(7_000);
    }
    await expectSound(at, [a, b]);
  });
});

/** A client that is refused begins anew; one that only got no answer goes on. */
async function outcome(work: Promise<unknown> | undefined): Promise<'done' | 'refused' | 'died'> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return error instanceof MillraceError ? 'refused' : 'died';
  }
}

/** After a while everything belongs to these members, once, and nothing else is left. */
async function expectSound(at: Stage, members: readonly TestMember[]): Promise<void> {
  for (let ms = 0; ms <= 60_000; ms += 5_000) {
    at.clock.advance(5_000);
    for (const member of members) {
      if ((await member.refusal()) !== 'none') member.forget();
    }
  }
  await settle(members);
  const { members: described, state } = await at.groups.describe(GROUP, at.call());
  expect(state).toBe('STABLE');
  expect(described.map(({ memberId }) => memberId).sort()).toEqual(
    members.map(({ memberId }) => memberId).sort(),
  );
  const owned = ownedByAll(members);
  expect(new Set(owned).size).toBe(owned.length);
  const topics = await at.log.listTopics(at.call());
  expect(owned).toHaveLength(topics.reduce((sum, { partitionCount }) => sum + partitionCount, 0));
  const page = await at.storage.catalog.query(`group#${GROUP}`, { limit: 100, consistent: true }, at.call());
  expect(page.items).toHaveLength(1 + members.length);
  expect((await at.groups.list(at.call())).map(({ groupId }) => groupId)).toEqual([GROUP]);
}

function diceOf(seed: number): (sides: number) => number {
  let state = seed * 7_919;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}

/** Eventually consistent reads show any of the last three states of each item, each on its own. */
function staleTable(table: Table<string>, dice: (sides: number) => number): Table<string> {
  const past = new Map<string, (Item<string> | undefined)[]>();
  const keyOf = ({ pk, sk }: { pk: string; sk: string }): string => `${pk}\n${sk}`;
  const note = async (key: { pk: string; sk: string }, call: Call): Promise<void> => {
    const { item } = await table.get(key, { consistent: true }, call);
    past.set(keyOf(key), [...(past.get(keyOf(key)) ?? [undefined]), item].slice(-3));
  };
  const shown = (
    key: { pk: string; sk: string },
    now: Item<string> | undefined,
  ): Item<string> | undefined => {
    const states = past.get(keyOf(key)) ?? [now];
    return states[dice(states.length)];
  };
  return {
    ...table,
    get: async (key, options, call) => {
      const answer = await table.get(key, options, call);
      return options.consistent ? answer : { ...answer, item: shown(key, answer.item) };
    },
    query: async (pk, range, call) => {
      const page = await table.query(pk, range, call);
      if (range.consistent) return page;
      const items = page.items.map((item) => shown(item, item)).filter((item) => item !== undefined);
      return { ...page, items };
    },
    put: async (item, options, call) => {
      const result = await table.put(item, options, call);
      if (result.stored) await note(item, call);
      return result;
    },
    delete: async (key, condition, call) => {
      const result = await table.delete(key, condition, call);
      if (result.deleted) await note(key, call);
      return result;
    },
  };
}
