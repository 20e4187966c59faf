import { topicsIn } from '../places.ts';
import { tidy } from './region-admins.ts';
import { copyFlow } from './region-machines.ts';
import type { RegionsProfile } from './regions-profile.ts';
import type { RegionsWorld } from './regions-world.ts';

const ROUNDS_MAX = 40;
/** Of one region: more than three regions' copies of copies, their heartbeats and checkpoints come to. */
const TOPICS_MAX = 20;
/** No eventually consistent read is older. */
const STALE_MS = 60_000;

/** Runs flows until none of them finds anything more; answers what is not as it should be. */
export async function settleFlows(
  world: RegionsWorld,
  flows: RegionsProfile['flows'],
): Promise<readonly string[]> {
  let quietRounds = 0;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { copied, stopped } = await settleOnce(world, flows, round === 0);
    quietRounds = copied === 0 ? quietRounds + 1 : 0;
    if (quietRounds === 3) {
      await world.scheduler.sleep(STALE_MS);
      return stopped;
    }
    // The checkers tell of it; it need not go on for ever.
    const counts = [...world.regions.values()].map(({ storage }) => topicsIn(storage, 'active').length);
    if (Math.max(...counts) > TOPICS_MAX) break;
  }
  return ['copying does not come to an end'];
}

/** `withErrands`: groups are carried over too, and heartbeats beat: there is always more to be copied. */
async function settleOnce(
  world: RegionsWorld,
  flows: RegionsProfile['flows'],
  withErrands: boolean,
): Promise<{ readonly copied: number; readonly stopped: readonly string[] }> {
  let copied = 0;
  const lastMs = withErrands ? 20_000 : 600_000;
  const stopped: string[] = [];
  for (const [target, source] of flows) {
    const machine = await world.machine(target, 'settler', 'calm');
    const run = await copyFlow(machine, source, { lastMs, idleMs: 1_000, withErrands });
    const tidied = await tidy(world, machine, [target, source], true);
    copied += run.copiedRecords + tidied + (run.ended === 'idle' ? 0 : 1);
    for (const { topic, state, reason } of run.progress?.topics ?? []) {
      // What one region has trimmed of another the third waits for, until it comes or something behind it does.
      const isWaiting = world.profile.trimsPerEra > 0 && reason.startsWith('Relay of ');
      if (state !== 'CAUGHT_UP' && !isWaiting) stopped.push(`${target}: ${topic} is ${state}: ${reason}`);
    }
  }
  return { copied, stopped };
}
