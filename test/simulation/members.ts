import { heartbeat, leave, type MemberClient, newMember, partitionsOf, takeOver } from './member-client.ts';
import { commit, poll } from './member-work.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

/**
 * One seat in a group. Whoever sits there joins, reads, commits and leaves; falls asleep and goes on as if nothing had
 * happened; or is gone without a word, and another takes the seat.
 */
export async function runMember(
  world: World,
  random: SeededRandom,
  seat: { readonly groupId: string; readonly number: number },
): Promise<void> {
  const { scheduler, profile } = world;
  const { groups } = profile;
  const instanceId = random.chance(groups.staticRate) ? `seat-${seat.number}` : undefined;
  let client: MemberClient | undefined;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.next() ** 2 * 3_000);
    for (let i = 0; i < groups.roundsPerEra; i++) {
      client ??= newMember(world, random, seat.groupId, instanceId);
      await round(client);
      if (await isOver(client)) client = undefined;
      await scheduler.sleep(random.next() * groups.pauseMsMax);
    }
    if (client !== undefined && !random.chance(groups.stayRate)) {
      if (random.chance(0.7)) await leave(client, -1);
      client = undefined;
    }
  }
}

async function round(client: MemberClient): Promise<void> {
  const { world, random } = client;
  const { groups } = world.profile;
  await heartbeat(client);
  await giveUp(client);
  if (client.epoch > 0) await takeOver(client);
  for (const held of [...client.held.values()]) {
    if (random.chance(0.7)) await poll(client, held);
  }
  if (random.chance(groups.napRate)) await world.scheduler.sleep(random.next() * groups.napMsMax);
  if (random.chance(groups.commitRate)) await commit(client, [...client.held.values()]);
}

/** What is no longer to be its own; it says how far it came before it lets go, if it is a tidy one. */
async function giveUp(client: MemberClient): Promise<void> {
  const assigned = new Set(partitionsOf(client.assigned));
  const lost = [...client.held.values()].filter(({ pk }) => !assigned.has(pk));
  if (lost.length > 0 && client.random.chance(0.7)) await commit(client, lost);
  for (const { pk } of lost) client.held.delete(pk);
}

/** Whether somebody else sits there from now on. */
async function isOver(client: MemberClient): Promise<boolean> {
  const { random, world, instanceId } = client;
  const { deathRate, leaveRate } = world.profile.groups;
  if (client.isReplaced || random.chance(deathRate)) return true;
  if (!random.chance(leaveRate)) return false;
  await leave(client, instanceId !== undefined && random.chance(0.7) ? -2 : -1);
  return true;
}
