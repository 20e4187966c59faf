import type { Groups } from '../../lib/groups.ts';
import type { Call } from '../../lib/storage/call.ts';
import type { GroupAct } from './group-history.ts';
import { INBOX } from './group-profile.ts';
import { PATIENCE, refusalOf } from './member-client.ts';
import { livePlaces } from './places.ts';
import { askGroups } from './pool.ts';
import type { SeededRandom } from './random.ts';
import type { World } from './world.ts';

/** Somebody who looks after groups: deletes them, moves positions or forgets them where nobody is, or only looks. */
export async function runGroupTender(world: World, random: SeededRandom, groupId: string): Promise<void> {
  const { scheduler, profile } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    for (let i = 0; i < profile.groups.actsPerEra; i++) {
      await scheduler.sleep(random.next() ** 2 * 5_000);
      await act(world, random, groupId);
    }
  }
}

type Act = readonly [GroupAct['act'] | 'look', (groups: Groups, call: Call) => Promise<unknown>];

async function act(world: World, random: SeededRandom, groupId: string): Promise<void> {
  const { scheduler, history, trace, pool } = world;
  const [what, run] = random.pick(actsOn(world, random, groupId));
  const node = pool.pick();
  const process = node.process.name;
  const span = { groupId, process, startedMs: scheduler.nowMs, endedMs: Number.POSITIVE_INFINITY };
  const record =
    what === 'look' ? undefined : { ...span, act: what, outcome: { kind: 'open' } as GroupAct['outcome'] };
  if (record !== undefined) history.groups.acts.push(record);
  trace.add({ kind: 'tend', process, detail: `${what} ${groupId}` });
  await askGroups(scheduler, node, PATIENCE, run, (reply) => {
    const outcome: GroupAct['outcome'] =
      reply.kind === 'answer' ? { kind: 'done' } : refusalOf(world, process, `${what} ${groupId}`, reply);
    trace.add({ kind: 'tended', process, detail: () => `${what} ${groupId}: ${JSON.stringify(outcome)}` });
    if (record === undefined) return;
    record.endedMs = scheduler.nowMs;
    record.outcome = outcome;
  });
}

function actsOn(world: World, random: SeededRandom, groupId: string): readonly Act[] {
  const places = livePlaces(world.storage).map(({ topic, partition }) => ({ topic, partition }));
  const some = places.filter(() => random.chance(0.5));
  const looks: readonly Act[] = [
    ['look', (groups, call) => groups.list(call)],
    ['look', (groups, call) => groups.describe(groupId, call)],
    ['look', (groups, call) => groups.lags(groupId, call)],
    ['look', (groups, call) => groups.committed(groupId, undefined, call)],
  ];
  // What is to happen once must not begin anew.
  if (groupId === INBOX) return looks;
  return [
    ['delete', (groups, call) => groups.delete(groupId, call)],
    ['forget', (groups, call) => groups.deleteOffsets(groupId, some, call)],
    [
      'reset',
      (groups, call) =>
        groups.resetOffsets(
          groupId,
          some.map((place) => ({ ...place, to: 'earliest' })),
          call,
        ),
    ],
    ...looks,
  ];
}
