import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import { GROUP, settle, stage, type TestMember } from './members-support.ts';

describe('a rebalance after a silent death, 8 members and 64 partitions', () => {
  it('hands every orphan to somebody within the session timeout and two heartbeats, and moves nothing else', async () => {
    const at = await stage({ orders: 64 });
    const processes = await Promise.all(Array.from({ length: 8 }, () => at.process()));
    const members = processes.map((via, index) => at.member(`m${index}`, { via }));
    await settle(members);
    const before = new Map(members.map((member) => [member, member.owns]));
    expect([...before.values()].map((owns) => owns.length)).toEqual(new Array(8).fill(8));

    // Heartbeats of different members come at different times, each every five seconds.
    const beats = async (
      alive: readonly TestMember[],
      forMs: number,
      each: () => Promise<void>,
    ): Promise<void> => {
      for (let ms = 0; ms < forMs; ms += 625) {
        at.clock.advance(625);
        const member = alive[(ms / 625) % 8];
        if (member !== undefined) {
          await member.beat();
          await each();
        }
      }
    };
    await beats(members, 60_000, async () => undefined);
    const [dead, ...rest] = members;
    const alive = [undefined, ...rest] as unknown as readonly TestMember[];
    const died = at.clock.monotonicMs();
    const orphans = new Set(dead?.owns);
    const takenMs = new Map<string, number>();
    await beats(alive, LIMITS.sessionTimeoutMsDefault + 3 * LIMITS.heartbeatIntervalMsDefault, async () => {
      for (const name of rest.flatMap(({ owns }) => owns)) {
        if (orphans.has(name) && !takenMs.has(name)) takenMs.set(name, at.clock.monotonicMs() - died);
      }
    });
    expect(takenMs.size).toBe(8);
    const last = Math.max(...takenMs.values());
    console.info(`the last of 8 orphans was taken ${last} ms after the death`);
    expect(last).toBeLessThanOrEqual(LIMITS.sessionTimeoutMsDefault + 2 * LIMITS.heartbeatIntervalMsDefault);
    for (const member of rest)
      expect(member.owns).toEqual(expect.arrayContaining([...(before.get(member) ?? [])]));
    expect(rest.map(({ owns }) => owns.length).sort((a, b) => a - b)).toEqual([9, 9, 9, 9, 9, 9, 10]);
    expect((await at.groups.describe(GROUP, at.call())).state).toBe('STABLE');
  });

  it('leaves no partition with nobody when the members come and go as they like', async () => {
    const at = await stage({ orders: 16, payments: 3 });
    let seed = 7;
    const dice = (sides: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % sides;
    };
    const everybody = Array.from({ length: 6 }, (_, index) => at.member(`m${index}`));
    const present = new Set<TestMember>();
    for (let step = 0; step < 400; step += 1) {
      const member = everybody[dice(6)];
      if (member === undefined) continue;
      at.clock.advance(dice(1_000));
      if (present.has(member) && dice(10) === 0) {
        await member.beat({ memberEpoch: -1 });
        present.delete(member);
      } else {
        if ((await member.refusal()) !== 'none') member.forget();
        else present.add(member);
      }
      const owned = [...present].flatMap(({ owns }) => owns);
      expect(new Set(owned).size).toBe(owned.length);
    }
    const members = [...present];
    await settle(members);
    expect(members.flatMap(({ owns }) => owns)).toHaveLength(19);
  });
});
