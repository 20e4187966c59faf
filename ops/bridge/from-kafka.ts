import { type ErrorCode, MillraceError } from '../../lib/errors.ts';
import { encodeBatch, type StoredRecord } from '../../lib/record/index.ts';
import { chunksOf } from './chunks.ts';
import type { Engine } from './engine.ts';
import { everyDay } from './every-day.ts';
import type { Kafka, KafkaRecords, KafkaTopic } from './kafka.ts';
import { keptConfigs } from './kept-configs.ts';
import { readMillrace } from './millrace-reader.ts';
import { type Position, positionNote, readNote, sourceBehind } from './position.ts';
import type { Progress } from './progress.ts';
import type { Stop } from './stop.ts';

export interface BridgeParts {
  readonly kafka: Kafka;
  readonly engine: Engine;
  readonly progress: Progress;
  readonly stop: Stop;
}

export interface BridgeTopics {
  readonly topic: string;
  readonly to: string;
  readonly isOnce: boolean;
}

/** What an append may be answered with by an engine that has done nothing wrong: look where the partition ends. */
const LOOK_AGAIN: ReadonlySet<ErrorCode> = new Set([
  'UNEXPECTED_TAIL',
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
]);
const LOOKS_MAX = 20;
const LOOK_PAUSE_MS = 200;

export const groupOf = (topic: string): string => `bridge.${topic}`;

/**
 * Copies a topic of Kafka into Millrace, every record once. ⚑ What the target holds behind the last position noted is
 * found again in the source, and every append names the offset at which it must begin: whoever dies or hangs, and
 * however many bridges run, the k-th record of a partition in the target is the k-th of the source.
 */
export async function fromKafka(parts: BridgeParts, topics: BridgeTopics): Promise<void> {
  const { kafka, progress, stop } = parts;
  const source = await kafka.describeTopic(topics.topic);
  if (source === undefined) throw new Error(`there is no topic '${topics.topic}' in Kafka`);
  await makeTarget(parts, topics.to, source);
  const bridge = { ...parts, topics, source, isNoteDue: everyDay() };
  let ends = await kafka.ends(topics.topic, source.partitionCount, 'latest');
  const positions = await Promise.all(ends.map((_, partition) => resume(bridge, partition)));
  let lookCount = 0;
  while (!stop.isAsked) {
    const behind = ends.reduce((sum, end, partition) => sum + behindOf(end, positions[partition]), 0);
    progress.behind(behind);
    if (topics.isOnce && behind === 0) return;
    const round = await copyRound(bridge, positions);
    if (!topics.isOnce) ends = ends.map((end, partition) => round.stableEnds.get(partition) ?? end);
    lookCount = round.isLost ? lookCount + 1 : 0;
    if (lookCount > LOOKS_MAX) throw new Error(`somebody else writes to the topic '${topics.to}'`);
    if (lookCount > 0) await stop.pause(LOOK_PAUSE_MS * Math.random());
  }
}

/** One fetch, what it brought appended, and the positions noted. `isLost`: an append somewhere went wrong. */
async function copyRound(
  bridge: Bridge,
  positions: Position[],
): Promise<{ readonly isLost: boolean; readonly stableEnds: ReadonlyMap<number, number> }> {
  if (bridge.isNoteDue()) {
    const all = positions.map((_, partition) => ({ partition, records: [NOTHING] }));
    await note(bridge, positions, all);
  }
  const asked = positions.map(({ sourceNext }, partition) => ({ partition, offset: sourceNext }));
  const fetched = await bridge.kafka.fetch(bridge.topics.topic, asked);
  const copied = await Promise.all(fetched.map((records) => copy(bridge, records, positions)));
  await note(bridge, positions, fetched);
  return {
    isLost: copied.includes('lost'),
    stableEnds: new Map(fetched.map(({ partition, stableEnd }) => [partition, stableEnd])),
  };
}

interface Bridge extends BridgeParts {
  readonly isNoteDue: () => boolean;
  readonly topics: BridgeTopics;
  readonly source: KafkaTopic;
}

const behindOf = (end: number, position: Position | undefined): number =>
  Math.max(0, end - (position?.sourceNext ?? 0));

async function makeTarget({ engine }: BridgeParts, name: string, source: KafkaTopic): Promise<void> {
  const { log, newCall } = engine;
  const { partitionCount } = source;
  try {
    await log.createTopic({ name, partitionCount, configs: keptConfigs(source.configs) }, newCall());
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error;
    const target = await log.describeTopic(name, newCall());
    if (target.partitionCount === partitionCount) return;
    throw new Error(
      `the topic '${name}' has ${target.partitionCount} partitions and its source ${partitionCount}: they must be as many`,
    );
  }
}

/** Appends what was fetched. `lost`: an append went wrong, and the position is where the target says. */
async function copy(
  bridge: Bridge,
  { partition, records, nextOffset }: KafkaRecords,
  positions: Position[],
): Promise<'copied' | 'lost'> {
  const { engine, topics, progress, stop } = bridge;
  const { log, codecs, newCall } = engine;
  let { targetEnd } = positions[partition] ?? { targetEnd: 0 };
  try {
    for (const chunk of chunksOf(records)) {
      if (stop.isAsked) return 'copied';
      const batches = encodeBatch(codecs, chunk, { compression: 'zstd' });
      await log.produce({ topic: topics.to, partition, batches, expectedOffset: targetEnd }, newCall());
      targetEnd += chunk.length;
      positions[partition] = { sourceNext: (chunk.at(-1)?.offset ?? 0) + 1, targetEnd };
      progress.copied(chunk);
    }
    positions[partition] = { sourceNext: nextOffset, targetEnd };
    return 'copied';
  } catch (error) {
    if (!(error instanceof MillraceError) || !LOOK_AGAIN.has(error.code)) throw error;
    positions[partition] = await resume(bridge, partition);
    return 'lost';
  }
}

/** Notes the positions of the partitions that were asked for. */
async function note(
  { engine, topics, source }: Bridge,
  positions: readonly Position[],
  fetched: readonly { readonly partition: number; readonly records: readonly StoredRecord[] }[],
): Promise<void> {
  const offsets = fetched.flatMap(({ partition, records }) => {
    const { sourceNext, targetEnd } = positions[partition] ?? { sourceNext: 0, targetEnd: 0 };
    if (records.length === 0) return [];
    const metadata = positionNote(source.topicId, sourceNext);
    return [{ topic: topics.to, partition, offset: targetEnd, metadata }];
  });
  if (offsets.length === 0) return;
  const results = await engine.groups.commit({ groupId: groupOf(topics.to), offsets }, engine.newCall());
  const failed = results.find(({ error }) => error !== undefined);
  if (failed?.error !== undefined) throw failed.error;
}

/** Where a partition goes on. The first time: at the beginning of both. */
async function resume(bridge: Bridge, partition: number): Promise<Position> {
  const { engine, topics, source, kafka, progress } = bridge;
  const { log, groups, newCall } = engine;
  const place = { topic: topics.to, partition };
  // ⚑ The end first: a position is noted before the first append.
  const { offset: end } = await log.listOffsets({ ...place, at: 'latest' }, newCall());
  const [noted] = await groups.committed(groupOf(topics.to), [place], newCall());
  const start = (await kafka.ends(topics.topic, source.partitionCount, 'earliest'))[partition] ?? 0;
  if (noted === undefined) {
    if (end > 0) {
      throw new Error(
        `the topic '${topics.to}' holds records that no bridge has copied; choose another name with --to`,
      );
    }
    const first = { sourceNext: start, targetEnd: 0 };
    const positions: Position[] = [];
    positions[partition] = first;
    await note(bridge, positions, [{ partition, records: [NOTHING] }]);
    return first;
  }
  const sourceNext = readNote(noted.metadata, source.topicId);
  const position = { sourceNext, targetEnd: noted.offset };
  if (end > noted.offset) return behindNoted(bridge, partition, { position, end });
  if (start <= sourceNext) return position;
  progress.notice(
    `Kafka has deleted the offsets ${sourceNext} to ${start - 1} of partition ${partition} before they were copied`,
  );
  return { ...position, sourceNext: start };
}

/** Stands for a position that is noted without any record. */
const NOTHING: StoredRecord = { offset: 0, timestampMs: -1, key: null, value: null, headers: [] };

/** A bridge has appended and not noted it: its records are found again in the source. */
async function behindNoted(
  { engine, kafka, topics }: Bridge,
  partition: number,
  { position, end }: { readonly position: Position; readonly end: number },
): Promise<Position> {
  const place = { topic: topics.to, partition };
  const appended: StoredRecord[] = [];
  for (let offset = position.targetEnd; offset < end; ) {
    const read = await readMillrace(engine, place, offset);
    appended.push(...read.records.filter((record) => record.offset < end));
    offset = read.nextOffset;
  }
  const found: StoredRecord[] = [];
  for (let offset = position.sourceNext; found.length < appended.length; ) {
    const [read] = await kafka.fetch(topics.topic, [{ partition, offset }]);
    found.push(...(read?.records ?? []));
    if (read === undefined || read.nextOffset === offset) break;
    offset = read.nextOffset;
  }
  return { sourceNext: sourceBehind(appended, found), targetEnd: end };
}
