import type { CopyStart } from '../../../lib/flows.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { isCompacted } from '../../../lib/topic/configs.ts';
import type { RemoteOrigin } from '../../../lib/topic/remote-origin.ts';
import type { Topic } from '../../../lib/topic/topic-item.ts';
import { NOTHING_SEEN, type SeenPartition } from './copied-truth.ts';
import type { Evidence } from './evidence.ts';

/** Where a copy was decided to begin, and what its source was like. */
interface Begin {
  readonly offset: number;
  readonly atMs: number;
  readonly start: CopyStart;
  readonly source: SeenPartition;
  readonly sourceStart: number;
  /** What may be compacted away was perhaps not there any more; what is left was. */
  readonly wasThere: (offset: number) => boolean;
  /** Since when the copy was wanted, at the earliest. */
  readonly wantedMs: number;
}

/** Every copy begins where it was asked to, at a batch, and with nothing left out behind. */
export function* checkBegins(evidence: Evidence): Generator<string> {
  for (const [alias, topics] of evidence.topics) {
    for (const topic of topics.values()) {
      for (let partition = 0; partition < topic.partitionCount; partition += 1) {
        const begin = beginOf(evidence, { alias, topic, partition });
        for (const problem of begin === undefined ? [] : checkBegin(begin)) {
          yield `${alias}: ${topic.name}/${partition} begins at ${begin?.offset}: ${problem}`;
        }
      }
    }
  }
}

/** Undefined: it is no copy, or has not begun. */
function beginOf(
  { world, starts, seen, left }: Evidence,
  place: { readonly alias: string; readonly topic: Topic; readonly partition: number },
): Begin | undefined {
  const { alias, topic, partition } = place;
  const { topicId, remote } = topic;
  const first = starts.get(alias)?.get(partitionKey(topicId, partition))?.first;
  if (remote === undefined || first === undefined) return undefined;
  const pk = partitionKey(remote.topicId, partition);
  const records = left.get(remote.source)?.get(pk)?.records;
  return {
    ...first,
    wasThere: (offset) => !isCompacted(topic.configs) || records?.has(offset) === true,
    start: startOf(remote, partition),
    source: seen.get(remote.source)?.get(pk) ?? NOTHING_SEEN,
    sourceStart: starts.get(remote.source)?.get(pk)?.series.at(first.atMs) ?? 0,
    wantedMs: world.flowsSince.get(alias)?.get(remote.source) ?? 0,
  };
}

/** Partitions and topics that came later are copied from their beginning. */
function startOf({ start }: RemoteOrigin, partition: number): CopyStart {
  if (start === undefined || partition >= start.partitionCount) return 'earliest';
  const { at } = start;
  return typeof at === 'object' && 'offsets' in at ? { offset: at.offsets[partition] ?? 0 } : at;
}

function* checkBegin(begin: Begin): Generator<string> {
  const { offset, atMs, source, sourceStart } = begin;
  const end = Math.max(source.endAt(atMs), sourceStart);
  if (offset > end) yield `the source ended at ${end}`;
  const inside = source.batches.find(
    ({ baseOffset, endOffset }) =>
      baseOffset < offset && offset < endOffset && hasRecords(begin, baseOffset, endOffset),
  );
  // Where the batch was trimmed half-way the source itself begins inside it.
  if (inside !== undefined && offset > sourceStart) yield `inside the batch at ${inside.baseOffset}`;
  if (offset > sourceStart) yield* checkNotLate(begin);
  yield* checkNotEarly(begin);
}

/** A batch of which compaction has left nothing is none any more. */
function hasRecords({ wasThere }: Begin, baseOffset: number, endOffset: number): boolean {
  const offsets = Array.from({ length: endOffset - baseOffset }, (_, i) => baseOffset + i);
  return offsets.some(wasThere);
}

function* checkNotLate({ offset, start, source, sourceStart, wasThere }: Begin): Generator<string> {
  if (start === 'earliest') yield `the source began at ${sourceStart}`;
  else if (start === 'latest') return;
  else if ('offset' in start) {
    if (offset > start.offset) yield `asked for ${start.offset}`;
  } else {
    for (const record of source.records.values()) {
      const isLeftOut = record.offset >= sourceStart && record.offset < offset && wasThere(record.offset);
      if (isLeftOut && isLate(record, start)) yield `${record.offset} is as late as ${start.timestampMs}`;
    }
  }
}

/** What was there before anybody wanted the copy, and lies wholly before where it was to begin, is not in it. */
function* checkNotEarly({ offset, start, source, wantedMs }: Begin): Generator<string> {
  if (start === 'earliest') return;
  const isTooEarly = ({ endOffset, baseOffset }: SeenPartition['batches'][number]): boolean => {
    if (start === 'latest') return true;
    if ('offset' in start) return endOffset <= start.offset;
    const texts = [...source.records.values()].filter(
      (record) => record.offset >= baseOffset && record.offset < endOffset,
    );
    return texts.every(({ timestampMs }) => timestampMs < start.timestampMs);
  };
  const early = source.batches.find(
    (batch) => batch.baseOffset >= offset && batch.atMs < wantedMs && isTooEarly(batch),
  );
  if (early !== undefined) {
    const hasLater = [...source.records.values()].some(
      (record) => record.offset >= offset && record.offset < early.baseOffset && isLate(record, start),
    );
    if (!hasLater) yield `the batch at ${early.baseOffset} was not asked for`;
  }
}

function isLate({ timestampMs }: { readonly timestampMs: number }, start: CopyStart): boolean {
  return typeof start === 'object' && 'timestampMs' in start && timestampMs >= start.timestampMs;
}
