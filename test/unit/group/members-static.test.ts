import { beforeEach, describe, expect, it } from 'vitest';
import { GROUP, ownedByAll, type Stage, settle, stage, type TestMember } from './members-support.ts';

let at: Stage;

beforeEach(async () => {
  at = await stage({ orders: 4 });
});

const EVERYTHING = ['orders:0', 'orders:1', 'orders:2', 'orders:3'];

const member = (memberId: string, instanceId: string): TestMember => at.member(memberId, { instanceId });

describe('static members', () => {
  it('that leave for a while get everything back under a new member id, and nobody else moves', async () => {
    const [a, b] = [member('a1', 'a'), member('b1', 'b')];
    await settle([a]);
    await settle([a, b]);
    const before = a.owns;
    expect((await a.beat({ memberEpoch: -2 })).memberEpoch).toBe(-2);
    await settle([b]);
    expect(b.owns).toHaveLength(2);
    const next = member('a2', 'a');
    await next.beat();
    expect(next.owns).toEqual(before);
    const owned = b.owns;
    await settle([next, b]);
    expect(b.owns).toEqual(owned);
  });

  it('replace nobody who is still there', async () => {
    const a = member('a1', 'a');
    await a.beat();
    expect(await member('a2', 'a').refusal()).toBe('UNRELEASED_INSTANCE_ID');
    expect(await a.refusal()).toBe('none');
    const page = await at.storage.catalog.query(`group#${GROUP}`, { limit: 10, consistent: true }, at.call());
    expect(page.items.map(({ sk }) => sk)).toEqual(['group', 'm#a1']);
  });

  it('fence the member whose place they took', async () => {
    const a = member('a1', 'a');
    await a.beat();
    await a.beat({ memberEpoch: -2 });
    await member('a2', 'a').beat();
    expect(await a.refusal({ memberEpoch: 1 })).toBe('FENCED_INSTANCE_ID');
    expect(await a.refusal({ memberEpoch: -1 })).toBe('FENCED_INSTANCE_ID');
    expect(await a.refusal({ memberEpoch: 0 })).toBe('UNRELEASED_INSTANCE_ID');
  });

  it('raise the epoch when they take a place, so that whoever had it cannot take over any more', async () => {
    const a = member('a1', 'a');
    await a.beat();
    await a.beat({ memberEpoch: -2 });
    const next = member('a2', 'a');
    await next.beat();
    expect(next.epoch).toBeGreaterThan(1);
    expect((await at.groups.describe(GROUP, at.call())).members).toMatchObject([
      { memberId: 'a2', instanceId: 'a' },
    ]);
  });

  it('lose their place when they stay away for a session', async () => {
    const [a, b] = [member('a1', 'a'), member('b1', 'b')];
    await settle([a]);
    await settle([a, b]);
    await a.beat({ memberEpoch: -2 });
    for (let ms = 0; ms <= 45_000; ms += 5_000) {
      at.clock.advance(5_000);
      await b.beat();
    }
    expect(b.owns).toEqual(EVERYTHING);
    const next = member('a2', 'a');
    await settle([next, b]);
    expect(ownedByAll([next, b])).toEqual(EVERYTHING);
  });

  it('come back under the same member id, too', async () => {
    const a = member('a1', 'a');
    await a.beat();
    await a.beat({ memberEpoch: -2 });
    expect(await a.refusal({ memberEpoch: 1 })).toBe('FENCED_MEMBER_EPOCH');
    a.forget();
    await a.beat();
    expect(a.owns).toEqual(EVERYTHING);
  });

  it('leave for good like others', async () => {
    const [a, b] = [member('a1', 'a'), member('b1', 'b')];
    await settle([a, b]);
    await a.beat({ memberEpoch: -1 });
    await settle([b]);
    expect(b.owns).toEqual(EVERYTHING);
    await settle([member('a2', 'a'), b]);
  });

  it('may not change their instance', async () => {
    const a = member('a1', 'a');
    await a.beat();
    expect(await a.refusal({ instanceId: 'b' })).toBe('FENCED_INSTANCE_ID');
    expect(
      await a.refusal({ instanceId: 'b', memberEpoch: 0, owned: [], subscription: { topics: ['orders'] } }),
    ).toBe('INVALID_REQUEST');
  });

  it('are one at most for an instance, however many come at once through whatever processes', async () => {
    const processes = await Promise.all(Array.from({ length: 6 }, () => at.process()));
    const members = processes.map((via, index) => at.member(`a${index}`, { instanceId: 'a', via }));
    const refusals = await Promise.all(members.map((one) => one.refusal()));
    expect(refusals.filter((code) => code === 'none')).toHaveLength(1);
    expect(refusals.filter((code) => code === 'UNRELEASED_INSTANCE_ID')).toHaveLength(5);
    expect((await at.groups.describe(GROUP, at.call())).members).toHaveLength(1);
  });

  it('get their stretches in the order of their instance ids, before those without one', async () => {
    const ids = ['c', 'a', 'b'];
    const dynamic = at.member('0', { assignor: 'range' });
    const members = [dynamic, ...ids.map((id) => at.member(`0${id}`, { instanceId: id, assignor: 'range' }))];
    await settle(members);
    expect(members.map(({ owns }) => owns)).toEqual([['orders:3'], ['orders:2'], ['orders:0'], ['orders:1']]);
  });
});
