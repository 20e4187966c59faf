import { describe, expect, it } from 'vitest';
import { engineParts } from '../../../lib/open-log.ts';
import { StorageFault, type StorageFaultKind } from '../../../lib/storage/fault.ts';
import type { Table } from '../../../lib/storage/table.ts';
import { dyingAt, interferedWith } from '../segment/compact/interference.ts';
import { at, codes, GROUP, outcome, positions, scene, survives, take } from './offset-support.ts';

interface Fault {
  readonly kind: StorageFaultKind;
  readonly takesEffect?: boolean;
}

/** A table whose puts of positions meet these faults in turn, and then none. */
function faulty(catalog: Table<string>, faults: Fault[]): Table<string> {
  const put: Table<string>['put'] = async (item, options, call) => {
    const fault = item.pk.startsWith('offsets#') ? faults.shift() : undefined;
    if (fault === undefined) return catalog.put(item, options, call);
    if (fault.takesEffect === true) await catalog.put(item, options, call);
    throw new StorageFault(fault.kind, `a fault of kind ${fault.kind}`);
  };
  return { ...catalog, put };
}

const MANY = 2_000;

describe('a commit', () => {
  it.each<readonly Fault[]>([
    [{ kind: 'interrupted', takesEffect: true }],
    [{ kind: 'interrupted' }],
    [{ kind: 'throttled' }, { kind: 'interrupted', takesEffect: true }, { kind: 'throttled' }],
  ])('whose answer was lost is told from one that was refused (%j)', async (...faults) => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const pending: Fault[] = [];
    const process = await s.process({ catalog: faulty(s.storage.catalog, pending) });
    await take(process, member, [0], s.call());
    pending.push(...faults);
    for (const offset of [5, 6]) {
      const results = await process.groups.commit(
        { groupId: GROUP, member, offsets: [at(0, offset)] },
        s.call(),
      );
      expect(codes(results)).toEqual(['ok']);
    }
    expect(await positions(process, s.call())).toEqual(['0:6']);
  });

  it.each<[Fault, string, string[]]>([
    [{ kind: 'interrupted', takesEffect: true }, 'REQUEST_TIMED_OUT', ['0:5']],
    [{ kind: 'interrupted' }, 'REQUEST_TIMED_OUT', []],
    [{ kind: 'throttled' }, 'THROTTLING_QUOTA_EXCEEDED', []],
    [{ kind: 'refused' }, 'KAFKA_STORAGE_ERROR', []],
  ])(
    'that storage never answers (%j) fails as %s, and the next one goes through',
    async (fault, code, found) => {
      const s = await scene();
      await s.assign(['a']);
      const member = await s.member('a');
      const pending: Fault[] = [];
      const process = await s.process({ catalog: faulty(s.storage.catalog, pending) });
      await take(process, member, [0], s.call());
      pending.push(...Array.from({ length: MANY }, () => fault));
      const failed = process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 5)] }, s.call());
      expect(await outcome(failed)).toEqual([code]);
      pending.length = 0;
      expect(await positions(process, s.call())).toEqual(found);
      const next = process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 6)] }, s.call());
      expect(await outcome(next)).toEqual(['ok']);
      expect(await positions(process, s.call())).toEqual(['0:6']);
    },
  );

  it('that arrives after its process has given it up does not go over a later one', async () => {
    const s = await scene();
    await s.assign(['a']);
    const member = await s.member('a');
    const { catalog } = s.storage;
    const late: (() => Promise<unknown>)[] = [];
    let isLosing = false;
    const put: typeof catalog.put = async (...args) => {
      if (!isLosing) return catalog.put(...args);
      late.push(() => catalog.put(...args));
      throw new StorageFault('interrupted', 'the request is still on its way');
    };
    const process = await s.process({ catalog: { ...catalog, put } });
    await take(process, member, [0], s.call());
    isLosing = true;
    const lost = process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 5)] }, s.call());
    expect(await outcome(lost)).toEqual(['REQUEST_TIMED_OUT']);
    isLosing = false;
    await process.groups.commit({ groupId: GROUP, member, offsets: [at(0, 6)] }, s.call());
    for (const arrive of late) await arrive();
    expect(await positions(process, s.call())).toEqual(['0:6']);
  });
});

describe('taking over, then committing', () => {
  it('cut off at any request leaves a position of before or after, which the next process goes on from', async () => {
    for (let request = 1, isOver = false; !isOver; request += 1) {
      for (const afterwards of [false, true]) {
        const s = await scene();
        await s.assign(['a', 'a']);
        const a = await s.member('a');
        const first = await s.process();
        await take(first, a, [0, 1], s.call());
        await first.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 2), at(1, 2)] }, s.call());
        await s.assign(['b', 'b']);
        const b = await s.member('b');
        const dying = interferedWith(engineParts(s.storage), dyingAt(request, { afterwards }));
        const doomed = await s.process({ catalog: dying.catalog });
        const commits = { groupId: GROUP, member: b, offsets: [at(0, 7), at(1, 7)] };
        isOver = await survives(
          take(doomed, b, [0, 1], s.call()).then(() => doomed.groups.commit(commits, s.call())),
        );
        const process = await s.process();
        const found = await take(process, b, [0, 1], s.call());
        for (const offset of found) expect([2, 7]).toContain(offset);
        expect(
          await outcome(first.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 3)] }, s.call())),
        ).not.toEqual(['ok']);
        const commit = { groupId: GROUP, member: b, offsets: [at(0, 8), at(1, 8)] };
        expect(await outcome(process.groups.commit(commit, s.call()))).toEqual(['ok', 'ok']);
        expect(await positions(process, s.call())).toEqual(['0:8', '1:8']);
      }
    }
  });

  it('by two members whose requests are interrupted again and again ends with one of them', async () => {
    const s = await scene();
    await s.assign(['a']);
    const lose: Fault[] = [{ kind: 'interrupted', takesEffect: true }, { kind: 'interrupted' }];
    const one = await s.process({ catalog: faulty(s.storage.catalog, [...lose]) });
    await take(one, await s.member('a'), [0], s.call());
    const a = await s.member('a');
    await s.assign(['b']);
    const b = await s.member('b');
    const two = await s.process({ catalog: faulty(s.storage.catalog, [...lose]) });
    const [mine, theirs] = await Promise.all([
      take(two, b, [0], s.call()),
      outcome(one.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 3)] }, s.call())),
    ]);
    expect(mine).toEqual([theirs[0] === 'ok' ? 3 : undefined]);
    expect(
      await outcome(one.groups.commit({ groupId: GROUP, member: a, offsets: [at(0, 4)] }, s.call())),
    ).toEqual(['UNKNOWN_MEMBER_ID']);
  });
});
