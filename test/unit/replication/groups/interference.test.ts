import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../../../lib/engine-parts.ts';
import { engineParts } from '../../../../lib/open-log.ts';
import type { Table } from '../../../../lib/storage/table.ts';
import { dyingAt, interferedWith } from '../../segment/compact/interference.ts';
import { errandOf, fill, GROUP, type GroupWorld, groupWorld, pair } from './group-world.ts';

const HOUR_MS = 3_600_000;
/** Of one errand with one position. */
const REQUESTS_MAX = 30;
const GROUPS = 100;

interface Freezing {
  readonly parts: EngineParts;
  /** When a put of a position has been asked for, which is held back. */
  readonly frozen: Promise<void>;
  thaw(): void;
}

/** A replicator in `eu` that freezes before it stores the first position. */
function freezing({ world }: GroupWorld): Freezing {
  const { storage } = world.region('eu');
  const frozen = Promise.withResolvers<void>();
  const thawed = Promise.withResolvers<void>();
  const catalog: Table<string> = {
    inlineBytesBreakEven: storage.catalog.inlineBytesBreakEven,
    get: (...args) => storage.catalog.get(...args),
    query: (...args) => storage.catalog.query(...args),
    delete: (...args) => storage.catalog.delete(...args),
    put: async (item, ...rest) => {
      if (item.pk.startsWith('offsets#')) {
        frozen.resolve();
        await thawed.promise;
      }
      return storage.catalog.put(item, ...rest);
    },
  };
  return { parts: engineParts({ ...storage, catalog }), frozen: frozen.promise, thaw: thawed.resolve };
}

/** Freezes a replicator while it carries 60, lets `meanwhile` happen, and answers the position after it has thawed. */
async function afterThaw(meanwhile: (g: GroupWorld) => Promise<void>): Promise<number | undefined> {
  const g = await pair();
  const replicator = freezing(g);
  const carry = await errandOf(g, replicator.parts);
  await g.commit('us', 'orders', 60);
  const carrying = carry().catch(() => undefined);
  await replicator.frozen;
  await meanwhile(g);
  replicator.thaw();
  await carrying;
  return g.position('eu', 'us.orders');
}

describe('a replicator that freezes while it carries a position over', () => {
  it('stores it if nothing has happened', async () => {
    expect(await afterThaw(async () => undefined)).toBe(60);
  });

  it('does not put it over what another has carried over since, back either', async () => {
    for (const offset of [70, 20]) {
      const meanwhile = async (g: GroupWorld): Promise<void> => {
        await g.commit('us', 'orders', offset);
        await g.carry('eu', 'us');
      };
      expect(await afterThaw(meanwhile)).toBe(offset);
    }
  });

  it('does not put it over what a member has committed since', async () => {
    const meanwhile = async (g: GroupWorld): Promise<void> => {
      const member = await g.join('eu', 'us.orders');
      expect(member.position).toBe(undefined);
      expect(await member.commit(5)).toBe('ok');
    };
    expect(await afterThaw(meanwhile)).toBe(5);
  });

  it('does not take it from a member that has taken the partition over and committed nothing yet', async () => {
    let commit: (() => Promise<string>) | undefined;
    const position = await afterThaw(async (g) => {
      const member = await g.join('eu', 'us.orders');
      commit = () => member.commit(3);
    });
    expect(position).toBe(undefined);
    expect(await commit?.()).toBe('ok');
  });

  it('stores nothing once it has slept for longer than a minute', async () => {
    const position = await afterThaw(async (g) => {
      await g.world.clock.sleep(HOUR_MS);
    });
    expect(position).toBe(undefined);
  });

  it('brings nothing into a group that was deleted and made anew', async () => {
    const position = await afterThaw(async (g) => {
      await g.groups('eu').delete(GROUP, g.world.call());
      await g.commit('eu', 'us.orders', 1);
    });
    expect(position).toBe(1);
  });
});

describe('a replicator that dies while it carries positions over', () => {
  it.each([false, true])(
    'is followed by one that does the rest (its last request sent: %s)',
    async (afterwards) => {
      for (let n = 1; n <= REQUESTS_MAX; n += 1) {
        const g = await pair();
        const parts = interferedWith(g.world.region('eu').parts, dyingAt(n, { afterwards }));
        const carry = await errandOf(g, parts);
        await g.commit('us', 'orders', 60);
        const hasDied = await carry().then(
          () => false,
          () => true,
        );
        const position = await g.position('eu', 'us.orders');
        expect([undefined, 60]).toContain(position);
        await g.carry('eu', 'us');
        expect(await g.position('eu', 'us.orders')).toBe(60);
        if (!hasDied) return;
      }
      throw new Error('it takes more requests than there may be');
    },
  );
});

describe('more groups than one turn has time for', () => {
  it('have theirs one after the other, although the first are due again', async () => {
    const g = await pair();
    const slow = interferedWith(g.world.region('eu').parts, async (request) => {
      await g.world.clock.sleep(200);
      return request();
    });
    const carry = await errandOf(g, slow);
    const ids = Array.from({ length: GROUPS }, (_, i) => `group-${i}`);
    for (const id of ids) await g.commit('us', 'orders', 60, id);
    let turns = 0;
    let carried = 0;
    while (carried < GROUPS && turns < 8) {
      await carry();
      turns += 1;
      const positions = await Promise.all(ids.map((id) => g.position('eu', 'us.orders', id)));
      carried = positions.filter((position) => position === 60).length;
    }
    expect(carried).toBe(GROUPS);
    expect(turns).toBeGreaterThan(1);
  });
});

describe('regions whose clocks are apart', () => {
  it.each([-25 * HOUR_MS, -HOUR_MS, HOUR_MS, 25 * HOUR_MS])(
    'carry positions over and back as if they were not (%d ms)',
    async (eu) => {
      const g = await pair({ skewMs: { eu } });
      const before = await g.join('us', 'orders');
      expect(await before.commit(40)).toBe('ok');
      await g.carry('eu', 'us');
      // Committed, but not carried over before its region is lost.
      expect(await before.commit(45)).toBe('ok');
      const away = await g.join('eu', 'us.orders');
      expect(away.position).toBe(40);
      expect(await away.commit(75)).toBe('ok');
      await away.leave();
      await before.leave();
      await g.carry('us', 'eu');
      await g.carry('us', 'eu');
      const back = await g.join('us', 'orders');
      expect(back.position).toBe(75);
      expect(await back.commit(80)).toBe('ok');
      await back.leave();
      await g.carry('eu', 'us');
      await g.carry('us', 'eu');
      expect(await g.position('us', 'orders')).toBe(80);
    },
  );

  it('do not let a position back over what local clients committed', async () => {
    for (const eu of [-HOUR_MS, HOUR_MS]) {
      const g = await pair({ skewMs: { eu } });
      await g.commit('us', 'orders', 40);
      await g.carry('eu', 'us');
      await g.commit('eu', 'us.orders', 75);
      await g.commit('us', 'orders', 50);
      await g.carry('eu', 'us');
      expect(await g.position('eu', 'us.orders')).toBe(75);
    }
  });
});

describe('three regions that copy from each other', () => {
  const names = ['us', 'eu', 'ap'];
  const all = names.flatMap((target) =>
    names.filter((source) => source !== target).map((source) => [target, source] as const),
  );

  it('come to rest, and a group that moves goes on where it was, wherever it goes', async () => {
    const g = await groupWorld(
      names,
      all.map(([target, source]) => [target, source, { topics: ['orders'] }]),
    );
    await fill(g, 'us', 'orders', 100);
    const round = async (): Promise<void> => {
      for (const [target, source] of all) await g.carry(target, source);
    };
    const positions = async (): Promise<(number | undefined)[]> => [
      await g.position('us', 'orders'),
      await g.position('eu', 'us.orders'),
      await g.position('ap', 'us.orders'),
    ];
    await g.commit('us', 'orders', 10);
    await round();
    expect(await positions()).toEqual([10, 10, 10]);
    await g.commit('eu', 'us.orders', 20);
    await round();
    // What `eu` committed goes home; `us` does not send it on as its own.
    expect(await positions()).toEqual([20, 20, 10]);
    await g.commit('us', 'orders', 30);
    await round();
    expect(await positions()).toEqual([30, 30, 30]);
    const items = async (): Promise<unknown> => Promise.all(names.map((name) => g.standing(name)));
    const before = await items();
    await round();
    await round();
    expect(await items()).toEqual(before);
  });
});
