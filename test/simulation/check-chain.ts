import { chunkFromItem } from '../../lib/partition/chunk.ts';
import type { Codecs } from '../../lib/record/index.ts';
import { SEGMENT_PREFIX, segmentFromItem } from '../../lib/segment/segment-item.ts';
import type { Storage } from './storage.ts';
import type { Change } from './table-server.ts';
import type { TrueChunk, TruePartition, Truth } from './truth.ts';
import { recordsIn } from './truth.ts';
import type { Violation } from './violation.ts';

/**
 * I1 and I6, judged on everything that was ever stored, so that an expiry cannot hide an overwrite: every chunk begins
 * exactly where the one before it ended, nothing enters behind a closed marker, and nothing is changed afterwards.
 */
export function checkChains(storage: Storage, truth: Truth, codecs: Codecs): Violation[] {
  const found: Violation[] = [];
  for (const partition of truth.partitions.values()) {
    const isExcused = (entry: TrueChunk): boolean => closesRuins(storage, truth, partition, entry);
    found.push(...checkChain(partition, isExcused));
  }
  found.push(...checkRewrites(storage.hot.changes));
  found.push(...checkExpiries(storage, truth));
  found.push(...checkSegments(storage, truth, codecs));
  return found;
}

function checkChain({ pk, chunks }: TruePartition, isExcused: (entry: TrueChunk) => boolean): Violation[] {
  const found: Violation[] = [];
  let end = 0;
  let closed: TrueChunk | undefined;
  for (const entry of chunks) {
    const { chunk, atMs, by } = entry;
    const report = (invariant: Violation['invariant'], message: string): void => {
      found.push({ invariant, message: `${by} ${message}`, atMs, where: pk, offset: chunk.baseOffset });
    };
    const range = `[${chunk.baseOffset}, ${chunk.endOffset})`;
    if (chunk.baseOffset < end && !isExcused(entry))
      report('I6', `stored ${range} into the past: the chain had reached ${end}`);
    if (chunk.baseOffset > end) report('I1', `stored ${range} beyond a gap: the chain had reached ${end}`);
    if (entry.damage !== undefined) report('I7', `stored ${range}, which ${entry.damage}`);
    if (closed !== undefined) report('I6', `stored ${range} behind the closed marker`);
    const isMarker = chunk.body.kind === 'closed';
    if (isMarker !== (chunk.endOffset === chunk.baseOffset)) report('I1', `stored the empty range ${range}`);
    if (isMarker) closed = entry;
    end = Math.max(end, chunk.endOffset);
  }
  return found;
}

/**
 * A deletion that was cut off and goes on days later may find that the last chunks have expired unsealed, and closes the
 * chain below them. Nothing is lost by it that was not being deleted, and no writer is left that knew a later tail.
 */
function closesRuins(
  storage: Storage,
  truth: Truth,
  { pk, chunks }: TruePartition,
  entry: TrueChunk,
): boolean {
  if (entry.chunk.body.kind !== 'closed' || !isDeleting(truth, pk, entry.atMs)) return false;
  return chunks
    .filter(({ chunk, atMs }) => atMs < entry.atMs && chunk.endOffset > entry.chunk.baseOffset)
    .every(({ chunk }) =>
      storage.hot.changes.some(
        ({ cause, key, atMs }) =>
          cause === 'expiry' && key.pk === pk && key.sk === chunk.baseOffset && atMs < entry.atMs,
      ),
    );
}

/** Only the expiry of a chunk may ever be rewritten. */
function checkRewrites(changes: readonly Change<number>[]): Violation[] {
  const found: Violation[] = [];
  for (const { before, item, key, atMs, by } of changes) {
    if (before === undefined || item === undefined) continue;
    if (JSON.stringify(before.attributes) === JSON.stringify(item.attributes)) continue;
    const message = `${by} changed what stood at ${key.sk}`;
    found.push({ invariant: 'I1', message, atMs, where: key.pk, offset: key.sk });
  }
  return found;
}

/** A chunk of a living topic may vanish only once a segment holds its records. */
function checkExpiries(storage: Storage, truth: Truth): Violation[] {
  const found: Violation[] = [];
  const sealedEnds = new Map<string, { readonly atMs: number; readonly end: number }[]>();
  for (const { key, item, atMs } of storage.catalog.changes) {
    if (item === undefined || !key.sk.startsWith(SEGMENT_PREFIX)) continue;
    const ends = sealedEnds.get(key.pk) ?? [];
    sealedEnds.set(key.pk, ends);
    ends.push({ atMs, end: segmentFromItem(item).endOffset });
  }
  for (const { cause, before, key, atMs } of storage.hot.changes) {
    if (cause !== 'expiry' || before === undefined) continue;
    const chunk = chunkFromItem(before);
    const ends = sealedEnds.get(key.pk)?.filter((sealed) => sealed.atMs <= atMs) ?? [];
    const sealed = Math.max(0, ...ends.map(({ end }) => end));
    if (chunk.endOffset <= sealed || isDeleting(truth, key.pk, atMs)) continue;
    const message = `the chunk [${chunk.baseOffset}, ${chunk.endOffset}) expired; segments end at ${sealed}`;
    found.push({ invariant: 'I3', message, atMs, where: key.pk, offset: key.sk });
  }
  return found;
}

function isDeleting(truth: Truth, pk: string, atMs: number): boolean {
  const life = truth.lives.find(({ topicId }) => pk.startsWith(`${topicId}:`));
  return life === undefined || life.deletingMs <= atMs;
}

/** The segment chain is as contiguous as the hot one, and each object holds exactly the records of its range. */
function checkSegments(storage: Storage, truth: Truth, codecs: Codecs): Violation[] {
  const found: Violation[] = [];
  const ends = new Map<string, number>();
  for (const { key, item, before, atMs, by } of storage.catalog.changes) {
    if (item === undefined || before !== undefined || !key.sk.startsWith(SEGMENT_PREFIX)) continue;
    const segment = segmentFromItem(item);
    const end = ends.get(key.pk) ?? 0;
    ends.set(key.pk, Math.max(end, segment.endOffset));
    const report = (invariant: Violation['invariant'], message: string): void => {
      const range = `[${segment.baseOffset}, ${segment.endOffset})`;
      const text = `${by} sealed ${range}: ${message}`;
      found.push({ invariant, message: text, atMs, where: key.pk, offset: segment.baseOffset });
    };
    if (segment.baseOffset < end) report('I6', `the segments had reached ${end}`);
    if (segment.baseOffset > end) report('I1', `the segments had only reached ${end}`);
    const { objectKey = 'no object' } = segment;
    if (!storage.bucket.wasThere(objectKey, atMs)) report('I7', `${objectKey} was not there`);
    const bytes = storage.bucket.everStored(objectKey);
    const problem =
      bytes &&
      compareRecords(truth.partitions.get(key.pk), segment, recordsIn(bytes, codecs, segment.baseOffset));
    if (problem !== undefined) report('I3', problem);
  }
  return found;
}

function compareRecords(
  partition: TruePartition | undefined,
  range: { readonly baseOffset: number; readonly endOffset: number },
  records: readonly { readonly offset: number; readonly value: string }[],
): string | undefined {
  if (records.length !== range.endOffset - range.baseOffset) return `it holds ${records.length} records`;
  const wrong = records.find(({ offset, value }) => partition?.records.get(offset)?.value !== value);
  return wrong && `the record at ${wrong.offset} is not the one that was stored there`;
}
