import { DAY_MS } from '../durations.ts';
import { CALM_NETWORK } from '../profile.ts';
import { checkRelayed } from './check-merged.ts';
import { takeBack } from './promotion.ts';
import { relay, restoreFlow, restoreTopic, thaw } from './region-admins.ts';
import { readToTheEnd } from './region-movers.ts';
import type { RegionsWorld } from './regions-world.ts';
import { settleFlows } from './settle-flows.ts';

/** No machine is frozen for longer. */
const THAW_MS = 4 * DAY_MS;

/**
 * Everything is quiet and thawed; then flows run until nothing is left to be copied. A region that is lost stays so until the
 * others have done all that they can do without it.
 */
export async function settle(world: RegionsWorld): Promise<readonly string[]> {
  const { chaos, scheduler, profile } = world;
  chaos.stop();
  for (const alias of profile.aliases) if (alias !== world.lost) calmDown(world, alias);
  const lastMs = world.eraStartsMs.at(-1) ?? 0;
  await scheduler.sleep(Math.max(0, lastMs - scheduler.nowMs) + THAW_MS);
  const { lost } = world;
  if (lost === undefined) return settleAmong(world, profile.aliases);
  const survivors = profile.aliases.filter((alias) => alias !== lost);
  const isRelayed = world.random.chance(profile.relayRate);
  const problems = [...(await settleAmong(world, survivors, isRelayed ? [lost] : undefined))];
  // What one of them has trimmed of it the other may have to wait for.
  if (isRelayed && profile.trimsPerEra === 0) problems.push(...checkRelayed(world, { lost, survivors }));
  // The group goes on where it can.
  if (profile.movers > 0) problems.push(...(await readToTheEnd(world, survivors[0] ?? lost)));
  world.lost = undefined;
  calmDown(world, lost);
  if (world.promoted !== undefined) return [...problems, ...(await takeBack(world, world.promoted))];
  const stillRelayed = world.random.chance(0.5) ? undefined : [];
  return [...problems, ...(await settleAmong(world, profile.aliases, stillRelayed))];
}

function calmDown(world: RegionsWorld, alias: string): void {
  const { abroad, home, calm } = world.region(alias);
  for (const conduct of [abroad, home, calm]) Object.assign(conduct, CALM_NETWORK);
}

/** `relays`: what all flows relay from now on; undefined: what they do. */
async function settleAmong(
  world: RegionsWorld,
  aliases: readonly string[],
  relays?: readonly string[],
): Promise<readonly string[]> {
  const { profile } = world;
  const problems: string[] = [];
  for (const alias of aliases) {
    await restoreTopic(world, alias);
    if (!(await thaw(world, alias))) problems.push(`${alias} does not open`);
  }
  const flows = profile.flows.filter((ends) => ends.every((alias) => aliases.includes(alias)));
  for (const flow of flows) {
    const machine = await world.machine(flow[0], 'settler', 'calm');
    await restoreFlow(world, machine, flow);
    if (relays !== undefined && profile.policy === 'merged') await relay(world, machine, flow, relays);
  }
  return [...problems, ...(await settleFlows(world, flows))];
}
