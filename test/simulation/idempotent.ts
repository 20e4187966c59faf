import { MillraceError } from '../../lib/errors.ts';
import type { Intent, ProducerMark } from './history.ts';
import { ask } from './pool.ts';
import { sequenceAfter } from './producer-model.ts';
import type { SeededRandom } from './random.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';
import { newIntent, send } from './writers.ts';

const IN_FLIGHT_MAX = 5;
const ALLOCATIONS_MAX = 20;

/** A producer with an id on one partition, between two recoveries. */
interface Session {
  readonly producerId: number;
  readonly epoch: number;
  nextSequence: number;
  /** Whether the partition is known to know it. Until then a second batch must wait: it could be taken for the first. */
  isKnown: boolean;
}

interface Client {
  readonly world: World;
  readonly random: SeededRandom;
  readonly topic: string;
  readonly partition: number;
}

/**
 * A client that stores each batch once: several in flight at a time, through different processes, in any order; each
 * sent again with its sequence until it is known to be there. When one is lost for good it goes on in its next epoch,
 * or under another id.
 */
export async function runIdempotentProducer(world: World, random: SeededRandom): Promise<void> {
  const { profile, scheduler } = world;
  const topic = random.pick(profile.topicNames);
  const client = { world, random, topic, partition: random.integer(profile.partitionCount) };
  let session: Session | undefined;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.between(0, 500));
    session = await burst(client, session);
    // The partition may forget it until the next burst.
    if (session !== undefined) session.isKnown = false;
  }
}

async function burst(client: Client, before: Session | undefined): Promise<Session | undefined> {
  const { world, random } = client;
  const { profile, scheduler } = world;
  const sent: Intent[] = [];
  let session = before ?? (await begin(client, undefined));
  for (let left = profile.producesPerEra; left > 0 && session !== undefined; ) {
    const window = nextWindow(client, session, left);
    left -= window.length;
    sent.push(...window);
    const outcomes = await Promise.all(window.map((intent) => deliver(client, intent)));
    session.isKnown = outcomes.every((stored) => stored);
    if (!session.isKnown) session = await begin(client, session);
    // What a confused or restarted copy of the client would do.
    if (random.chance(0.1)) await send(world, random, random.pick(sent), world.pool.pick());
    await scheduler.sleep(random.next() * profile.thinkMsMax);
  }
  return session;
}

function nextWindow(client: Client, session: Session, most: number): Intent[] {
  const count = session.isKnown ? Math.min(most, 1 + client.random.integer(IN_FLIGHT_MAX)) : 1;
  return Array.from({ length: count }, () => nextBatch(client, session));
}

/** The next epoch of a producer that has lost a batch, or a new id. Undefined if nobody gives it one. */
async function begin({ world, random }: Client, lost: Session | undefined): Promise<Session | undefined> {
  if (lost !== undefined && random.chance(0.7)) {
    return { producerId: lost.producerId, epoch: lost.epoch + 1, nextSequence: 0, isKnown: false };
  }
  const { scheduler, history } = world;
  for (let i = 0; i < ALLOCATIONS_MAX; i++) {
    const node = world.pool.pick();
    const process = node.process.name;
    const reply = await ask(
      scheduler,
      node,
      { patienceMs: 10_000, deadlineMs: 5_000 },
      (log, call) => log.allocateProducerId(call),
      (heard) => {
        if (heard.kind === 'error') noteSurprise(world, process, 'allocate a producer id', heard.error);
        if (heard.kind !== 'answer') return;
        history.producerIds.push({ process, atMs: scheduler.nowMs, producerId: heard.value });
      },
    );
    if (reply.kind === 'answer') {
      // An unknown producer may begin anywhere, so it may soon begin again at 0.
      const nextSequence = random.pick([0, 0, 2 ** 31 - 4]);
      return { producerId: reply.value, epoch: 0, nextSequence, isKnown: false };
    }
    await scheduler.sleep(random.between(50, 1_000));
  }
  return undefined;
}

function nextBatch({ world, random, topic, partition }: Client, session: Session): Intent {
  const { producerId, epoch: producerEpoch, nextSequence: baseSequence } = session;
  const producer: ProducerMark = { producerId, producerEpoch, baseSequence };
  const intent: Intent = {
    ...newIntent(world, random),
    topic,
    partition,
    idempotencyKey: undefined,
    producer,
  };
  session.nextSequence = sequenceAfter({ baseSequence, recordCount: intent.values.length });
  return intent;
}

/** Whether it is known to be stored in the end. */
async function deliver(client: Client, intent: Intent): Promise<boolean> {
  const { world, random } = client;
  const { profile, scheduler, pool } = world;
  for (let attempt = 0; attempt < 2 * profile.attemptsMax; attempt++) {
    await scheduler.sleep(random.next() * (attempt === 0 ? 5 : 300));
    const twin = random.chance(profile.doubledRate) ? send(world, random, intent, pool.pick()) : undefined;
    const reply = await send(world, random, intent, pool.pick());
    await twin;
    if (reply.kind === 'answer') return true;
    if (reply.kind === 'error' && !mayRetry(reply.error)) return false;
  }
  return false;
}

/** The batches before it may be still on their way. */
function mayRetry(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false;
  return error.row.retriable || error.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER';
}
