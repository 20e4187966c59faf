import { MillraceError, UnexpectedTailError } from '../../lib/errors.ts';
import type { ProduceResult } from '../../lib/log.ts';
import type { StoreWithin } from '../../lib/storage/within.ts';
import type { Intent, OutboxPart, ProduceAttempt, ProduceOutcome } from './history.ts';
import { ask, type Node, type Reply } from './pool.ts';
import type { Profile } from './profile.ts';
import type { SeededRandom } from './random.ts';
import { encodeProduced, encodeRecords, newRecord, TOMBSTONE } from './records.ts';
import { noteSurprise } from './surprises.ts';
import { PartRefused } from './transactions.ts';
import type { World } from './world.ts';

/** One client that produces: a burst of work in every era, requests one after another. */
export async function runWriter(world: World, random: SeededRandom): Promise<void> {
  const { profile, scheduler } = world;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.between(0, 500));
    for (let i = 0; i < profile.producesPerEra; i++) {
      const intent = newIntent(world, random);
      const isPlaced = random.chance(profile.expectedRate);
      const isOutbox = random.chance(profile.outboxRate);
      await produce(world, random, {
        ...(isPlaced ? placed(world, random, intent) : intent),
        ...(isOutbox ? { outbox: newPart(world, random) } : {}),
      });
      await scheduler.sleep(random.next() * profile.thinkMsMax);
    }
  }
}

export function newIntent(world: World, random: SeededRandom): Intent {
  const { profile } = world;
  const id = world.nextIntent();
  const padding = 'x'.repeat(random.integer(profile.valueBytesMax));
  return {
    id,
    topic: random.pick(profile.topicNames),
    partition: random.integer(profile.partitionCount),
    ...newRecords(profile, random, (index) => `${id}/${index}/${padding}`),
    timestampMs: Math.floor(world.scheduler.nowMs) - random.integer(1_000),
    idempotencyKey: random.chance(profile.keyedRate) ? `key-${id}` : undefined,
    attempts: [],
  };
}

/** To be stored where the log was last known to end; now and then where it never will. */
function placed(world: World, random: SeededRandom, intent: Intent): Intent {
  const ends = world.history.produces.flatMap(({ topic, partition, outcome, intent: { values } }) => {
    if (topic !== intent.topic || partition !== intent.partition) return [];
    if (outcome.kind === 'acknowledged') return [outcome.baseOffset + values.length];
    return outcome.kind === 'refused' ? (outcome.toldEndOffset ?? []) : [];
  });
  const wrong = random.chance(0.1) ? random.integer(5) : 0;
  return { ...intent, expectedOffset: (ends.at(-1) ?? 0) + wrong };
}

/** A client's own part of a transaction: what it rests on may change while the log's part finds its place. */
function newPart({ scheduler }: World, random: SeededRandom): OutboxPart {
  const turnsMs = scheduler.nowMs + random.next() ** 2 * 1_000;
  const refuses = random.pick<OutboxPart['refuses']>([
    () => false,
    () => false,
    () => true,
    (atMs) => atMs < turnsMs,
    (atMs) => atMs > turnsMs,
  ]);
  return { refuses, appliedMs: [] };
}

function newRecords(
  profile: Profile,
  random: SeededRandom,
  text: (index: number) => string,
): Pick<Intent, 'keys' | 'values'> {
  const keys: (string | null)[] = [];
  const values: string[] = [];
  const count = 1 + random.integer(4);
  for (let index = 0; index < count; index++) {
    const key = profile.keyCount === 0 ? null : `k${random.integer(profile.keyCount)}`;
    const isTombstone = key !== null && random.chance(profile.tombstoneRate);
    keys.push(key);
    values.push(`${isTombstone ? TOMBSTONE : ''}${text(index)}`);
  }
  return { keys, values };
}

/** Sends it, and while the outcome is open and there is a key, sends it again, to whichever node comes next. */
async function produce(world: World, random: SeededRandom, intent: Intent): Promise<void> {
  const { profile, scheduler, pool } = world;
  const isKeyed = intent.idempotencyKey !== undefined;
  for (let attempt = 0; attempt < (isKeyed ? profile.attemptsMax : 1); attempt++) {
    const twin =
      isKeyed && random.chance(profile.doubledRate) ? send(world, random, intent, pool.pick()) : undefined;
    const reply = await send(world, random, intent, pool.pick());
    await twin;
    if (reply.kind === 'answer') return;
    if (reply.kind === 'error' && !mayRetry(reply.error)) return;
    await scheduler.sleep(random.next() * 300);
  }
}

function mayRetry(error: unknown): boolean {
  return error instanceof MillraceError && error.row.retriable;
}

export async function send(
  world: World,
  random: SeededRandom,
  intent: Intent,
  node: Node,
): Promise<Reply<ProduceResult>> {
  const { scheduler, trace, profile, history } = world;
  const process = node.process.name;
  const attempt: ProduceAttempt = {
    intent,
    process,
    topic: intent.topic,
    partition: intent.partition,
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    outcome: { kind: 'open', why: 'no answer' },
  };
  intent.attempts.push(attempt);
  history.produces.push(attempt);
  const batches = encode(world, intent);
  const deadlineMs = random.pick([2_000, 10_000, 25_000]);
  trace.add({ kind: 'produce', process, detail: () => intentText(intent) });
  return ask(
    scheduler,
    node,
    { patienceMs: profile.patienceMs, deadlineMs },
    (log, call) =>
      log.produce(
        {
          topic: intent.topic,
          partition: intent.partition,
          batches,
          ...(intent.idempotencyKey === undefined ? {} : { idempotencyKey: intent.idempotencyKey }),
          ...(intent.expectedOffset === undefined ? {} : { expectedOffset: intent.expectedOffset }),
          ...(intent.outbox === undefined ? {} : { storeWithin: storeWithin(node, intent.outbox) }),
        },
        call,
      ),
    (reply) => {
      attempt.endedMs = scheduler.nowMs;
      attempt.outcome = outcomeOf(world, process, reply);
      scheduler.mix(attempt.outcome.kind);
      trace.add({
        kind: 'produced',
        process,
        detail: () => `${intentText(intent)}: ${JSON.stringify(attempt.outcome)}`,
      });
    },
  );
}

function storeWithin(node: Node, { refuses, appliedMs }: OutboxPart): StoreWithin<number> {
  return node.within.hot({ refuses, apply: (atMs) => appliedMs.push(atMs) });
}

function outcomeOf(world: World, process: string, reply: Reply<ProduceResult>): ProduceOutcome {
  if (reply.kind === 'silence') return { kind: 'open', why: reply.why };
  if (reply.kind === 'answer') {
    const { baseOffset, duplicate } = reply.value;
    return { kind: 'acknowledged', baseOffset, duplicate };
  }
  if (reply.error instanceof PartRefused) return { kind: 'refused', code: 'CANCELLED' };
  const code = noteSurprise(world, process, 'produce', reply.error);
  if (reply.error instanceof UnexpectedTailError) {
    return { kind: 'refused', code, toldEndOffset: reply.error.endOffset };
  }
  const isOpen = code === 'REQUEST_TIMED_OUT' || code === 'UNKNOWN_SERVER_ERROR';
  return isOpen ? { kind: 'open', why: code } : { kind: 'refused', code };
}

/** A new copy every time, because the log may patch what it is given; otherwise the same bytes for every attempt. */
function encode(world: World, intent: Intent): Uint8Array {
  const { keys, values, timestampMs, producer } = intent;
  const records = values.map((value, index) => newRecord(keys[index] ?? null, value, timestampMs));
  if (producer !== undefined) return encodeProduced(world.codecs, records, producer);
  return encodeRecords(world.codecs, records, 1 + (intent.id % 3));
}

function intentText(intent: Intent): string {
  const { id, idempotencyKey, producer, expectedOffset, outbox, values, topic, partition } = intent;
  const key = idempotencyKey === undefined ? '' : ` ${idempotencyKey}`;
  const mark =
    producer === undefined
      ? ''
      : ` ${producer.producerId}/${producer.producerEpoch}/${producer.baseSequence}`;
  const at = expectedOffset === undefined ? '' : ` at ${expectedOffset}`;
  return `#${id}${key}${mark} ${values.length} records to ${topic}-${partition}${at}${outbox === undefined ? '' : ' within'}`;
}
