import type { Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { fetch, list } from './readers.ts';
import type { Truth } from './truth.ts';
import { readTruth } from './truth.ts';
import type { Violation } from './violation.ts';
import type { World } from './world.ts';
import { newIntent, send } from './writers.ts';

/** Looks in a row that show nothing new: longer than any cache lives and any replica lags. */
const IDLE_ROUNDS_MAX = 200;

/**
 * After the last burst, with all trouble over: a fresh process reads every partition that is left from its first offset
 * to its end, and appends once more. I2, I3: everything is there; and nothing is stuck.
 */
export async function verify(world: World, random: SeededRandom): Promise<Violation[]> {
  const node = world.pool.startCalm('verify', world.calmNetwork);
  const truth = readTruth(world.storage, world.codecs);
  const found: Violation[] = [];
  for (const life of truth.lives.filter(({ deletingMs }) => deletingMs === Number.POSITIVE_INFINITY)) {
    for (let partition = 0; partition < world.profile.partitionCount; partition++) {
      const place = { node, topic: life.name, partition };
      const pk = `${life.topicId}:${partition}`;
      if (world.history.disasters.some((disaster) => disaster.pk === pk)) continue;
      found.push(...(await verifyRecords(world, random, place, { truth, pk })));
      found.push(...(await verifyAppend(world, random, place)));
    }
  }
  return found;
}

interface Place {
  readonly node: Node;
  readonly topic: string;
  readonly partition: number;
}

async function verifyRecords(
  world: World,
  random: SeededRandom,
  place: Place,
  expected: { readonly truth: Truth; readonly pk: string },
): Promise<Violation[]> {
  const { pk, truth } = expected;
  const { scheduler } = world;
  const end = truth.partitions.get(pk)?.endAt(scheduler.nowMs) ?? 0;
  const report = (message: string, offset: number): Violation[] => [
    { invariant: 'I3', message: `at last, ${message}`, atMs: scheduler.nowMs, where: pk, offset },
  ];
  const latest = await list(world, random, place, 'latest');
  if (latest.outcome.kind !== 'listed' || latest.outcome.offset !== end) {
    return report(`the end of ${pk} is ${end}, answered was ${JSON.stringify(latest.outcome)}`, end);
  }
  const earliest = await list(world, random, place, 'earliest');
  if (earliest.outcome.kind !== 'listed') {
    return report(`the start of ${pk} is not told: ${JSON.stringify(earliest.outcome)}`, 0);
  }
  let position = earliest.outcome.offset;
  let idleRounds = 0;
  while (position < end) {
    const { outcome } = await fetch(world, random, { ...place, offset: position });
    if (outcome.kind !== 'read') {
      return report(`${pk} cannot be read at ${position}: ${JSON.stringify(outcome)}`, position);
    }
    if (outcome.nextOffset === position) {
      if (++idleRounds > IDLE_ROUNDS_MAX)
        return report(`${pk} shows nothing at ${position} of ${end}`, position);
      await scheduler.sleep(500);
    } else {
      idleRounds = 0;
    }
    position = outcome.nextOffset;
  }
  return [];
}

async function verifyAppend(world: World, random: SeededRandom, place: Place): Promise<Violation[]> {
  const intent = { ...newIntent(world, random), topic: place.topic, partition: place.partition };
  const reply = await send(world, random, intent, place.node);
  if (reply.kind === 'answer') return [];
  const message = `nothing can be appended to ${place.topic}-${place.partition}: ${JSON.stringify(reply)}`;
  return [
    { invariant: 'I2', message, atMs: world.scheduler.nowMs, where: `${place.topic}-${place.partition}` },
  ];
}
