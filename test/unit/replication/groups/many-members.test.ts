import { describe, expect, it } from 'vitest';
import type { Groups, HeartbeatAnswer } from '../../../../lib/groups.ts';
import { GROUP, type GroupWorld, pair } from './group-world.ts';

const MEMBERS = 8;
const PARTITIONS = 8;

/** A group of eight on a topic of eight partitions; each commits what it has read of its own. */
interface Crowd {
  /** By partition: where its member went on. */
  readonly positions: ReadonlyMap<number, number | undefined>;
  commit(offsetOf: (partition: number) => number): Promise<void>;
}

async function crowd(g: GroupWorld, region: string, topic: string): Promise<Crowd> {
  const groups: Groups = g.groups(region);
  const call = g.world.call;
  const members = new Map<string, HeartbeatAnswer>();
  const owned = new Map<string, HeartbeatAnswer['assignment']>();
  for (let i = 0; i < MEMBERS; i += 1) {
    const memberId = `${region}-${i}`;
    const first = { groupId: GROUP, memberId, memberEpoch: 0, owned: [], subscription: { topics: [topic] } };
    members.set(memberId, await groups.heartbeat(first, call()));
  }
  for (let round = 0; round < 4; round += 1) {
    for (const [memberId, { memberEpoch, assignment }] of members) {
      if (assignment !== undefined) owned.set(memberId, assignment);
      const beat = { groupId: GROUP, memberId, memberEpoch, owned: owned.get(memberId) ?? [] };
      members.set(memberId, await groups.heartbeat(beat, call()));
    }
  }
  const positions = new Map<number, number | undefined>();
  const owners = new Map<number, { readonly memberId: string; readonly memberEpoch: number }>();
  for (const [memberId, { memberEpoch }] of members) {
    const places = (owned.get(memberId) ?? []).flatMap(({ partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    const taken = await groups.takeOver({ groupId: GROUP, memberId, memberEpoch, places }, call());
    for (const { partition, committed, error } of taken) {
      if (error !== undefined) throw error;
      positions.set(partition, committed?.offset);
      owners.set(partition, { memberId, memberEpoch });
    }
  }
  return {
    positions,
    commit: async (offsetOf) => {
      for (const [partition, member] of owners) {
        const offsets = [{ topic, partition, offset: offsetOf(partition) }];
        const [result] = await groups.commit({ groupId: GROUP, member, offsets }, call());
        if (result?.error !== undefined) throw result.error;
      }
    },
  };
}

describe('a group of eight members whose region is lost', () => {
  it('goes on in the other one with nothing lost, and nothing repeated that was committed and carried over', async () => {
    const g = await pair();
    const { log } = g.world.region('us');
    await log.createTopic({ name: 'crowded', partitionCount: PARTITIONS }, g.world.call());
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      await g.world.produce('us', 'crowded', partition, ...Array.from({ length: 50 }, (_, i) => `${i}`));
    }
    const before = await crowd(g, 'us', 'crowded');
    expect(before.positions.size).toBe(PARTITIONS);
    await before.commit((partition) => 10 + partition);
    await g.carry('eu', 'us');
    // Its members die, and their region cannot be reached.
    g.world.cutOff.add('us');
    const away = await crowd(g, 'eu', 'us.crowded');
    expect([...away.positions].toSorted(([a], [b]) => a - b)).toEqual(
      Array.from({ length: PARTITIONS }, (_, partition) => [partition, 10 + partition]),
    );
    await away.commit((partition) => 30 + partition);
    // The region is back; its dead members are in nobody's way once their sessions are over.
    g.world.cutOff.clear();
    await g.world.clock.sleep(60_000);
    await g.carry('us', 'eu');
    const back = await crowd(g, 'us', 'crowded');
    expect([...back.positions].toSorted(([a], [b]) => a - b)).toEqual(
      Array.from({ length: PARTITIONS }, (_, partition) => [partition, 30 + partition]),
    );
  });
});
