import type { FetchResult } from '../../lib/log.ts';
import { readBatchHeader } from '../../lib/record/index.ts';
import type { FetchRecord, ListingRecord } from './history.ts';
import { ask, type Node } from './pool.ts';
import type { SeededRandom } from './random.ts';
import { decodeRecords, type TextRecord } from './records.ts';
import { noteSurprise } from './surprises.ts';
import type { World } from './world.ts';

/** One client that reads on from where it was, now and then from another known offset, and asks for offsets. */
export async function runReader(world: World, random: SeededRandom): Promise<void> {
  const { profile, scheduler } = world;
  const topic = random.pick(profile.topicNames);
  const partition = random.integer(profile.partitionCount);
  let position = 0;
  for (const startMs of world.eraStartsMs.slice(0, -1)) {
    await scheduler.sleep(Math.max(0, startMs - scheduler.nowMs) + random.between(0, 1_000));
    for (let i = 0; i < profile.readsPerEra; i++) {
      const node = world.pool.pick();
      if (random.chance(0.15)) await list(world, random, { node, topic, partition });
      if (random.chance(0.25)) position = someOffset(world, random, topic);
      const fetched = await fetch(world, random, { node, topic, partition, offset: position });
      position = nextPosition(fetched, position);
      await scheduler.sleep(random.next() * profile.thinkMsMax);
    }
  }
}

interface Place {
  readonly node: Node;
  readonly topic: string;
  /** Of the one that is meant. */
  readonly topicId?: string;
  readonly partition: number;
}

function nextPosition(fetched: FetchRecord, position: number): number {
  const { outcome } = fetched;
  if (outcome.kind === 'read') return outcome.nextOffset;
  return outcome.kind === 'failed' && outcome.code === 'OFFSET_OUT_OF_RANGE' ? 0 : position;
}

/** 0, or an offset somebody was told of: a chunk's middle as often as its beginning. Rarely one beyond the end. */
function someOffset(world: World, random: SeededRandom, topic: string): number {
  const known = world.history.produces.filter(
    (attempt) => attempt.topic === topic && attempt.outcome.kind === 'acknowledged',
  );
  if (known.length === 0 || random.chance(0.3)) return 0;
  const { outcome, intent } = random.pick(known);
  const base = outcome.kind === 'acknowledged' ? outcome.baseOffset : 0;
  return base + random.integer(intent.values.length + 1) + (random.chance(0.05) ? 1_000 : 0);
}

export async function fetch(
  world: World,
  random: SeededRandom,
  request: Place & { readonly offset: number },
): Promise<FetchRecord> {
  const { scheduler, trace, profile, history } = world;
  const { node, topic, partition, offset } = request;
  const meant = request.topicId === undefined ? {} : { topicId: request.topicId };
  const process = node.process.name;
  const record: FetchRecord = {
    process,
    topic,
    partition,
    offset,
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    outcome: { kind: 'open', why: 'no answer' },
  };
  history.fetches.push(record);
  const waitMs = random.pick([0, 0, 200, 3_000]);
  const maxBytes = random.pick([1, 300, 2_000, 1_048_576]);
  const minBytes = random.pick([1, 1, 500]);
  await ask(
    scheduler,
    node,
    { patienceMs: profile.patienceMs, deadlineMs: 10_000 },
    (log, call) => log.fetch({ topic, ...meant, partition, offset, maxBytes, minBytes, waitMs }, call),
    (reply) => {
      record.endedMs = scheduler.nowMs;
      if (reply.kind === 'answer') record.outcome = readOutcome(world, reply.value);
      else if (reply.kind === 'error') {
        const code = noteSurprise(world, process, `fetch ${topic}-${partition} from ${offset}`, reply.error);
        record.outcome = { kind: 'failed', code, message: String(reply.error) };
      }
      trace.add({ kind: 'fetched', process, detail: () => fetchText(record) });
    },
  );
  return record;
}

function readOutcome(world: World, result: FetchResult): FetchRecord['outcome'] {
  const records: TextRecord[] = [];
  const spans: (readonly [number, number])[] = [];
  for (const batch of result.batches) {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(batch);
    spans.push([baseOffset, baseOffset + lastOffsetDelta + 1]);
    records.push(...decodeRecords(world.codecs, batch));
  }
  const { nextOffset, highWatermark, logStartOffset } = result;
  return { kind: 'read', records, spans, nextOffset, highWatermark, logStartOffset };
}

function fetchText(record: FetchRecord): string {
  const { outcome } = record;
  const what =
    outcome.kind === 'read'
      ? `${JSON.stringify(outcome.spans)} next ${outcome.nextOffset} end ${outcome.highWatermark}`
      : JSON.stringify(outcome);
  return `${record.topic}-${record.partition} from ${record.offset}: ${what}`;
}

export async function list(
  world: World,
  random: SeededRandom,
  place: Place,
  at: ListingRecord['at'] = random.pick([
    'earliest',
    'latest',
    'latest',
    'max-timestamp',
    { timestampMs: Math.floor(random.between(world.startMs, world.scheduler.nowMs)) },
  ]),
): Promise<ListingRecord> {
  const { scheduler, trace, profile, history } = world;
  const { node, topic, partition } = place;
  const meant = place.topicId === undefined ? {} : { topicId: place.topicId };
  const process = node.process.name;
  const record: ListingRecord = {
    process,
    topic,
    partition,
    at,
    startedMs: scheduler.nowMs,
    endedMs: Number.POSITIVE_INFINITY,
    outcome: { kind: 'open', why: 'no answer' },
  };
  history.listings.push(record);
  await ask(
    scheduler,
    node,
    { patienceMs: profile.patienceMs, deadlineMs: 10_000 },
    (log, call) => log.listOffsets({ topic, ...meant, partition, at }, call),
    (reply) => {
      record.endedMs = scheduler.nowMs;
      if (reply.kind === 'answer') record.outcome = { kind: 'listed', ...reply.value };
      else if (reply.kind === 'error') {
        record.outcome = { kind: 'failed', code: noteSurprise(world, process, 'list offsets', reply.error) };
      }
      trace.add({
        kind: 'listed',
        process,
        detail: () => `${topic}-${partition} ${JSON.stringify(at)}: ${JSON.stringify(record.outcome)}`,
      });
    },
  );
  return record;
}
