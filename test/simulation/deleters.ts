import type { RecordDeletion } from './history.ts';
import { livePlaces } from './places.ts';
import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

/** A client that deletes records: up to an offset it was told of, or all there are; often two at once. */
export async function runDeleter(world: World, random: SeededRandom): Promise<void> {
  const { scheduler, profile, pool } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs));
    for (let i = 0; i < profile.recordDeletionsPerEra; i++) {
      await scheduler.sleep(random.next() ** 2 * 2_000);
      const places = livePlaces(world.storage);
      if (places.length === 0) continue;
      const { topic, partition } = random.pick(places);
      const ends = world.history.produces.flatMap(({ outcome, topic: other }) =>
        outcome.kind === 'acknowledged' && other === topic ? [outcome.baseOffset] : [],
      );
      const offset = ends.length === 0 || random.chance(0.3) ? -1 : random.pick(ends) + random.integer(4);
      const again = random.chance(0.3)
        ? deleteRecords(world, pool.pick(), { topic, partition, offset })
        : undefined;
      await deleteRecords(world, pool.pick(), { topic, partition, offset });
      await again;
    }
  }
}

async function deleteRecords(
  world: World,
  node: Node,
  request: { readonly topic: string; readonly partition: number; readonly offset: number },
): Promise<void> {
  const { scheduler, trace, history } = world;
  const process = node.process.name;
  const deletion: RecordDeletion = {
    ...request,
    process,
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    outcome: { kind: 'open', why: 'no answer' },
  };
  history.recordDeletions.push(deletion);
  await ask(
    scheduler,
    node,
    { patienceMs: 40_000, deadlineMs: 20_000 },
    (log, call) => log.deleteRecords(request, call),
    (reply) => {
      deletion.endedMs = scheduler.nowMs;
      if (reply.kind === 'answer') deletion.outcome = { kind: 'deleted', ...reply.value };
      else if (reply.kind === 'error') {
        const code = noteSurprise(world, process, 'delete records', reply.error);
        deletion.outcome = { kind: 'failed', code };
      }
      const { topic, partition, offset } = request;
      const detail = (): string =>
        `records of ${topic}-${partition} below ${offset}: ${JSON.stringify(deletion.outcome)}`;
      trace.add({ kind: 'delete', process, detail });
    },
  );
}
