import type { TopicDescription } from '../../lib/log.ts';
import { everyDay } from './every-day.ts';
import type { BridgeParts, BridgeTopics } from './from-kafka.ts';
import type { KafkaOptions } from './kafka.ts';
import { openWriter, type Portion, type TransactionalWriter } from './kafka-transactions.ts';
import { keptConfigs } from './kept-configs.ts';
import { readMillrace } from './millrace-reader.ts';

const POLL_MS = 500;

/**
 * Copies a topic of Millrace into Kafka: records, and the position behind them, in one transaction of Kafka. Readers of
 * committed records see each of them once. A bridge that begins fences the one before.
 */
export async function toKafka(
  parts: BridgeParts & { readonly client: KafkaOptions },
  topics: BridgeTopics,
): Promise<void> {
  const { kafka, engine, progress, client, stop } = parts;
  const source = await engine.log.describeTopic(topics.topic, engine.newCall());
  const { partitionCount } = source;
  await makeTarget(parts, topics.to, source);
  const name = `millrace.bridge.${topics.to}`;
  const writer = await openWriter(kafka, client, { topic: topics.to, partitionCount, name });
  try {
    const nexts = await startPositions(parts, source, writer.positions);
    await noteFirst(parts, topics.to, { writer, nexts });
    let ends = await endsOf(parts, source);
    const isNoteDue = everyDay();
    while (!stop.isAsked) {
      const behind = ends.reduce(
        (sum, end, partition) => sum + Math.max(0, end - (nexts[partition] ?? 0)),
        0,
      );
      progress.behind(behind);
      if (topics.isOnce && behind === 0) return;
      const portions = await readRound(parts, source, nexts);
      const isDue = isNoteDue();
      const written = portions.filter(({ records }) => isDue || records.length > 0);
      if (written.length > 0) await writer.write(written);
      for (const { partition, records, next } of portions) {
        nexts[partition] = next;
        progress.copied(records);
      }
      if (written.length === 0) await stop.pause(POLL_MS);
      if (!topics.isOnce) ends = await endsOf(parts, source);
    }
  } finally {
    await writer.close();
  }
}

async function makeTarget({ kafka }: BridgeParts, name: string, source: TopicDescription): Promise<void> {
  const { partitionCount } = source;
  const target = await kafka.describeTopic(name);
  if (target === undefined) {
    await kafka.createTopic(name, { partitionCount, configs: keptConfigs(source.configs) });
    return;
  }
  if (target.partitionCount === partitionCount) return;
  throw new Error(
    `the topic '${name}' has ${target.partitionCount} partitions and its source ${partitionCount}: they must be as many`,
  );
}

async function endsOf({ engine }: BridgeParts, source: TopicDescription): Promise<number[]> {
  return listed(engine, source, 'latest');
}

async function listed(
  { log, newCall }: BridgeParts['engine'],
  { name, topicId, partitionCount }: TopicDescription,
  at: 'earliest' | 'latest',
): Promise<number[]> {
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  return Promise.all(
    partitions.map(async (partition) => {
      const { offset } = await log.listOffsets({ topic: name, topicId, partition, at }, newCall());
      return offset;
    }),
  );
}

/** Where each partition goes on: where the last transaction ended, or where the log begins. */
async function startPositions(
  { engine, progress }: BridgeParts,
  source: TopicDescription,
  committed: readonly (number | undefined)[],
): Promise<number[]> {
  const starts = await listed(engine, source, 'earliest');
  const ends = await listed(engine, source, 'latest');
  return starts.map((start, partition) => {
    const position = committed[partition];
    if (position === undefined) return start;
    if (position > (ends[partition] ?? 0)) {
      throw new Error(
        `partition ${partition} of '${source.name}' ends before what was copied of it: it was made anew; choose another name with --to`,
      );
    }
    if (position < start) {
      progress.notice(
        `Millrace has deleted the offsets ${position} to ${start - 1} of partition ${partition} before they were copied`,
      );
    }
    return Math.max(position, start);
  });
}

/**
 * Notes where partitions begin that have no position yet. ⚑ Before their first record: a topic with records and without
 * a position is somebody else's.
 */
async function noteFirst(
  { kafka }: BridgeParts,
  to: string,
  { writer, nexts }: { readonly writer: TransactionalWriter; readonly nexts: readonly number[] },
): Promise<void> {
  const portions = nexts
    .map((next, partition) => ({ partition, next, records: [] }))
    .filter(({ partition }) => writer.positions[partition] === undefined);
  if (portions.length === 0) return;
  const ends = await kafka.ends(to, nexts.length, 'latest');
  if (portions.some(({ partition }) => ends[partition] !== 0)) {
    throw new Error(
      `the topic '${to}' holds records that no bridge has copied; choose another name with --to`,
    );
  }
  await writer.write(portions);
}

async function readRound(
  { engine }: BridgeParts,
  { name, topicId }: TopicDescription,
  nexts: readonly number[],
): Promise<Portion[]> {
  return Promise.all(
    nexts.map(async (from, partition) => {
      const read = await readMillrace(engine, { topic: name, topicId, partition }, from);
      return { partition, records: read.records, next: read.nextOffset };
    }),
  );
}
