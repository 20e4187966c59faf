import { partitionKey } from '../../../lib/partition/chunk.ts';
import { isCompacted } from '../../../lib/topic/configs.ts';
import type { Topic } from '../../../lib/topic/topic-item.ts';
import { topicsIn } from '../places.ts';
import { NOTHING_SEEN, type SeenPartition, type SeenRecord } from './copied-truth.ts';
import type { Evidence } from './evidence.ts';

/** Of one partition: what stands in it at the end, and all that ever did. */
interface Side {
  readonly seen: SeenPartition;
  /** Where it begins now, and where it began. */
  readonly start: number;
  readonly begin: number;
  readonly left: ReadonlyMap<number, SeenRecord>;
}

/**
 * I9 of copies that keep offsets: every record that the source has left was stored once in the copy, at the same offset and
 * in the same order, with the same bytes, and nothing else ever was; what the copy has not trimmed or compacted is there.
 */
export function* checkCopies(evidence: Evidence): Generator<string> {
  for (const [alias, topics] of evidence.topics) {
    for (const topic of topics.values()) {
      if (topic.remote === undefined) continue;
      yield* comesFromElsewhere(alias, topic);
      for (let partition = 0; partition < topic.partitionCount; partition += 1) {
        for (const problem of checkPartition(evidence, { alias, topic, partition })) {
          yield `${alias}: ${topic.name}/${partition}: ${problem}`;
        }
      }
    }
  }
}

/** A copy that was deleted was never wrong either. */
function* checkPartition(
  evidence: Evidence,
  { alias, topic, partition }: CopiedPartition,
): Generator<string> {
  const { source = '', topicId = '' } = topic.remote ?? {};
  const copy = sideOf(evidence, alias, partitionKey(topic.topicId, partition));
  const original = sideOf(evidence, source, partitionKey(topicId, partition));
  const compacts = isCompacted(topic.configs);
  yield* checkPast(original, copy, compacts);
  const { region, promoted } = evidence.world;
  const isThere = topicsIn(region(alias).storage, 'active').some((one) => one.topicId === topic.topicId);
  // A flow whose copies were promoted is no more.
  const isKept = promoted?.alias !== alias || promoted.source !== source;
  if (isThere && isKept) yield* checkWhole(original, copy, compacts);
}

interface CopiedPartition {
  readonly alias: string;
  readonly topic: Topic;
  readonly partition: number;
}

/** Nothing loops: no region's records come back to it. */
function* comesFromElsewhere(alias: string, { name }: Topic): Generator<string> {
  const through = [alias, ...name.split('.').slice(0, -1)];
  if (new Set(through).size < through.length) yield `${alias}: ${name} has come back`;
}

function sideOf({ seen, left, starts }: Evidence, alias: string, pk: string): Side {
  const { start = 0, records = new Map() } = left.get(alias)?.get(pk) ?? {};
  const begin = starts.get(alias)?.get(pk)?.first.offset ?? 0;
  return { seen: seen.get(alias)?.get(pk) ?? NOTHING_SEEN, start, begin, left: records };
}

function* checkPast(source: Side, copy: Side, compacts: boolean): Generator<string> {
  for (const offset of copy.seen.twice) yield `${offset} was stored twice`;
  yield* checkChain(copy.seen);
  let last = -1;
  for (const [offset, { print }] of copy.seen.records) {
    const original = source.seen.records.get(offset);
    if (original === undefined) yield `${offset} was never in the source`;
    else if (original.print !== print) yield `${offset} is ${print}, not ${original.print}`;
    if (offset <= last) yield `${offset} was stored after ${last}`;
    last = offset;
  }
  if (!compacts) yield* checkBytes(source.seen, copy.seen);
}

function* checkChain({ chunks }: SeenPartition): Generator<string> {
  let end = chunks[0]?.baseOffset ?? 0;
  for (const { baseOffset, endOffset, by } of chunks) {
    if (baseOffset !== end) yield `${by} stored ${baseOffset} to ${endOffset} where ${end} was next`;
    end = Math.max(end, endOffset);
  }
}

function* checkBytes(source: SeenPartition, copy: SeenPartition): Generator<string> {
  const known = new Map(source.batches.map(({ baseOffset, crc }) => [baseOffset, crc]));
  for (const { baseOffset, crc } of copy.batches) {
    if (known.get(baseOffset) !== crc) yield `the batch at ${baseOffset} has other bytes`;
  }
}

function* checkWhole(source: Side, copy: Side, compacts: boolean): Generator<string> {
  const mayHaveGone = mayBeGone(copy, compacts);
  for (const record of source.left.values()) {
    const { offset } = record;
    if (offset < copy.begin) continue;
    if (!copy.seen.records.has(offset)) yield `${offset} never came`;
    if (!mayHaveGone(record) && !copy.left.has(offset)) yield `${offset} is not there`;
  }
  for (const [offset, { print }] of copy.left) {
    if (copy.seen.records.get(offset)?.print !== print) yield `${offset} is read as ${print}`;
  }
}

/** Whether the copy need not have it any more. */
function mayBeGone({ seen, start }: Side, compacts: boolean): (record: SeenRecord) => boolean {
  const newest = new Map<string, number>();
  for (const [offset, { key }] of seen.records) newest.set(key, Math.max(offset, newest.get(key) ?? -1));
  const isSuperseded = ({ key, offset, text }: SeenRecord): boolean =>
    compacts && ((newest.get(key) ?? -1) > offset || text === '∅');
  return (record) => record.offset < start || isSuperseded(record);
}
