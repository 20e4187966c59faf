import { partitionKey } from '../../../lib/partition/chunk.ts';
import { isCompacted } from '../../../lib/topic/configs.ts';
import type { Topic } from '../../../lib/topic/topic-item.ts';
import { topicsIn } from '../places.ts';
import { NOTHING_SEEN, type SeenPartition, type SeenRecord } from './copied-truth.ts';
import type { Evidence } from './evidence.ts';

/** Of one partition: what stands in it at the end, and all that ever did. */
interface Side {
  readonly seen: SeenPartition;
  readonly start: number;
  readonly left: ReadonlyMap<number, SeenRecord>;
}

/**
 * I9 of copies that keep offsets: every record that the source has left was stored once in the copy, at the same offset and
 * in the same order, with the same bytes, and nothing else ever was; what the copy has not trimmed or compacted is there.
 */
export function* checkCopies(evidence: Evidence): Generator<string> {
  for (const [alias, { storage }] of evidence.world.regions) {
    for (const topic of topicsIn(storage, 'active')) {
      if (topic.remote === undefined) continue;
      yield* comesFromElsewhere(alias, topic);
      for (let partition = 0; partition < topic.partitionCount; partition += 1) {
        const { source, topicId } = topic.remote;
        const copy = sideOf(evidence, alias, partitionKey(topic.topicId, partition));
        const original = sideOf(evidence, source, partitionKey(topicId, partition));
        for (const problem of checkCopy(original, copy, isCompacted(topic.configs))) {
          yield `${alias}: ${topic.name}/${partition}: ${problem}`;
        }
      }
    }
  }
}

/** Nothing loops: no region's records come back to it. */
function* comesFromElsewhere(alias: string, { name }: Topic): Generator<string> {
  const through = [alias, ...name.split('.').slice(0, -1)];
  if (new Set(through).size < through.length) yield `${alias}: ${name} has come back`;
}

function sideOf({ seen, left }: Evidence, alias: string, pk: string): Side {
  const { start = 0, records = new Map() } = left.get(alias)?.get(pk) ?? {};
  return { seen: seen.get(alias)?.get(pk) ?? NOTHING_SEEN, start, left: records };
}

function* checkCopy(source: Side, copy: Side, compacts: boolean): Generator<string> {
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
  yield* checkWhole(source, copy, compacts);
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
  const newest = new Map<string, number>();
  for (const [offset, { key }] of copy.seen.records) newest.set(key, Math.max(offset, newest.get(key) ?? -1));
  for (const [offset, { key, text }] of source.left) {
    if (!copy.seen.records.has(offset)) yield `${offset} never came`;
    const mayHaveGone =
      offset < copy.start || (compacts && ((newest.get(key) ?? -1) > offset || text === '∅'));
    if (!mayHaveGone && !copy.left.has(offset)) yield `${offset} is not there`;
  }
  for (const [offset, { print }] of copy.left) {
    if (copy.seen.records.get(offset)?.print !== print) yield `${offset} is read as ${print}`;
  }
}
