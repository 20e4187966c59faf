import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../lib/storage/clock.ts';
import type { Observation } from '../../../lib/storage/observation.ts';
import type { Table } from '../../../lib/storage/table.ts';
import {
  GROUP,
  ownedByAll,
  type Process,
  type Stage,
  settle,
  stage,
  type TestMember,
} from './members-support.ts';

let at: Stage;

beforeEach(async () => {
  at = await stage({ orders: 4 });
});

const EVERYTHING = ['orders:0', 'orders:1', 'orders:2', 'orders:3'];

/** Time passes while these members go on with their heartbeats. */
const pass = async (ms: number, members: readonly TestMember[]): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 5_000) {
    at.clock.advance(5_000);
    for (const member of members) await member.beat();
  }
};

describe('sessions', () => {
  it('are over when nothing has been heard of a member for its timeout, whoever looks', async () => {
    const [a, b] = [at.member('a', { sessionTimeoutMs: 20_000 }), at.member('b')];
    await settle([a]);
    await settle([a, b]);
    await pass(20_000, [b]);
    expect(b.owns).toHaveLength(2);
    await pass(5_000, [b]);
    expect(b.owns).toEqual(EVERYTHING);
    expect(await a.refusal()).toBe('UNKNOWN_MEMBER_ID');
    a.forget();
    await settle([a, b]);
    expect(ownedByAll([a, b])).toEqual(EVERYTHING);
  });

  it('go on for a member that is heard of, for as long as it is', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    await settle([a]);
    await settle([a, b]);
    await pass(600_000, [a, b]);
    expect(a.epoch).toBe(2);
    expect(ownedByAll([a, b])).toEqual(EVERYTHING);
  });

  it('are not over for somebody who was silent for long while nobody looked', async () => {
    const a = at.member('a');
    await a.beat();
    at.clock.advance(3_600_000);
    expect((await a.beat()).memberEpoch).toBe(1);
  });

  it('of members that died are noticed by the next one that joins', async () => {
    await settle([at.member('a'), at.member('b')]);
    at.clock.advance(45_001);
    const c = at.member('c');
    await c.beat();
    expect(c.owns).toEqual(EVERYTHING);
  });

  it('of all members at once leave a group that is empty, when somebody needs to know', async () => {
    await settle([at.member('a'), at.member('b')]);
    at.clock.advance(45_001);
    await at.groups.delete(GROUP, at.call());
    expect(await at.groups.list(at.call())).toEqual([]);
  });

  it('leave no items behind', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    await settle([a, b]);
    await pass(60_000, [b]);
    const page = await at.storage.catalog.query(`group#${GROUP}`, { limit: 10, consistent: true }, at.call());
    expect(page.items.map(({ sk }) => sk)).toEqual(['group', 'm#b']);
  });
});

describe('clocks', () => {
  /** A process whose machine is wrong about the time; storage tells its own with every answer. */
  const wrongBy = async (ms: number): Promise<Process> => {
    const clock: Clock = {
      wallMs: () => at.clock.wallMs() + ms,
      monotonicMs: () => at.clock.monotonicMs(),
      sleep: (pauseMs) => at.clock.sleep(pauseMs),
    };
    return at.process({
      clock,
      catalog: datedTable(at.storage.catalog, { storage: at.clock, machine: clock }),
    });
  };

  it.each([-86_400_000, -50_000, 50_000, 86_400_000])(
    'that are wrong by %d ms neither end a session nor keep one alive',
    async (ms) => {
      const [right, wrong] = [await wrongBy(0), await wrongBy(ms)];
      const [a, b] = [at.member('a', { via: right }), at.member('b', { via: wrong })];
      await settle([a]);
      await settle([a, b]);
      await pass(120_000, [a, b]);
      expect([a.epoch, b.epoch]).toEqual([2, 2]);
      await pass(45_000, [b]);
      expect(b.owns).toHaveLength(2);
      await pass(10_000, [b]);
      expect(b.owns).toEqual(EVERYTHING);
      a.forget();
      await settle([a, b]);
      await pass(45_000, [a]);
      expect(a.owns).toHaveLength(2);
      await pass(10_000, [a]);
      expect(a.owns).toEqual(EVERYTHING);
    },
  );

  it('that go back do not make a member immortal', async () => {
    let offsetMs = 3_600_000;
    const clock: Clock = {
      ...at.clock,
      wallMs: () => at.clock.wallMs() + offsetMs,
      monotonicMs: at.clock.monotonicMs,
    };
    const via = await at.process({ clock });
    const [a, b] = [at.member('a', { via }), at.member('b', { via })];
    await settle([a]);
    await settle([a, b]);
    offsetMs = 0;
    await pass(10_000, [a, b]);
    await pass(60_000, [b]);
    expect(b.owns).toEqual(EVERYTHING);
  });
});

describe('frozen processes', () => {
  it('that thaw with an old look do not expel those who have been alive all the time', async () => {
    const [a, b] = [at.member('a'), at.member('b')];
    await settle([a]);
    await settle([a, b]);
    at.clock.advance(44_000);
    await b.beat();
    at.clock.advance(2_000);
    // A process has seen that a is silent, and sleeps before it says so.
    const sleep = Promise.withResolvers<void>();
    const wakeUp = Promise.withResolvers<void>();
    const put: Table<string>['put'] = async (...args) => {
      sleep.resolve();
      await wakeUp.promise;
      return at.storage.catalog.put(...args);
    };
    const late = b.beat({ via: await at.process({ catalog: { ...at.storage.catalog, put } }) });
    await sleep.promise;
    await a.beat();
    at.clock.advance(120_000);
    wakeUp.resolve();
    await expect(late).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    expect(await a.refusal()).toBe('none');
  });
});

/** Answers carry the storage's own time, as those of AWS do. */
function datedTable(
  table: Table<string>,
  clocks: { readonly storage: Clock; readonly machine: Clock },
): Table<string> {
  const dated = <T extends { readonly observation: Observation }>(answer: T): T => ({
    ...answer,
    observation: {
      sentWallMs: clocks.machine.wallMs(),
      sentMonotonicMs: clocks.machine.monotonicMs(),
      serverMs: Math.floor(clocks.storage.wallMs() / 1000) * 1000,
    },
  });
  const undated = { condition: { kind: 'ifAbsent' } } as const;
  return {
    ...table,
    get: async (...args) => dated(await table.get(...args)),
    query: async (...args) => dated(await table.query(...args)),
    put: async (item, options, call) =>
      dated(await table.put(item, { ...undated, condition: options.condition }, call)),
  };
}
