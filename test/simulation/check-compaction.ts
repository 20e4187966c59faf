import { CLEAN_KEY, checkpointFromItem } from '../../lib/segment/compact/clean-item.ts';
import { coverFilter } from '../../lib/segment/cover-filter.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem } from '../../lib/segment/segment-item.ts';
import { configNumber } from '../../lib/topic/configs.ts';
import type { ObjectContents } from './object-contents.ts';
import type { Past } from './past.ts';
import { type TextRecord, TOMBSTONE } from './records.ts';
import type { Storage } from './storage.ts';
import type { Change } from './table-server.ts';
import { isDeleting, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/** Storage's dates are whole seconds. */
const ROUNDING_MS = 1_000;

/**
 * I8, after every change of the segment chain and of what compaction says of itself: where a tombstone has gone, nothing
 * that it deleted stands, or has stood within `delete.retention.ms`; below *clean to* no key has two records.
 */
export function checkCompaction(
  storage: Storage,
  truth: Truth,
  past: Past,
  contents: ObjectContents,
): Violation[] {
  const logs = new Map<string, SealedLog>();
  const found: Violation[] = [];
  for (const change of storage.catalog.changes) {
    const { key, item, atMs } = change;
    const isSegment = key.sk.startsWith(SEGMENT_PREFIX);
    if ((!isSegment && key.sk !== CLEAN_KEY) || isDeleting(truth, key.pk, atMs)) continue;
    const log = logs.get(key.pk) ?? newLog(truth, key.pk);
    logs.set(key.pk, log);
    const start = past.logStartAt(key.pk, atMs);
    const view = { log, start, atMs };
    let problem: Problem | undefined;
    if (isSegment) {
      applyChange(log, change, contents);
      const keptMs = past
        .configsUpTo(key.pk, atMs)
        .map((configs) => configNumber(configs, 'delete.retention.ms'));
      problem = tombstoneProblem(view, past, Math.min(...keptMs));
    } else if (item !== undefined) {
      problem = cleanProblem(view, past, { cleanTo: checkpointFromItem(item).cleanTo, contents });
    }
    if (problem === undefined) continue;
    const message = `${change.by} wrote ${key.sk}: ${problem.message}`;
    found.push({ invariant: 'I8', message, atMs, where: key.pk, offset: problem.offset });
  }
  return found;
}

/** The sealed part of one partition, as a reader finds it. */
interface SealedLog {
  readonly pk: string;
  readonly segments: Map<string, Segment>;
  end: number;
  visible: ReadonlySet<number>;
  /** When what is visible no longer was so for the last time. */
  readonly lastSeenMs: Map<number, number>;
  readonly records: readonly TextRecord[];
}

interface View {
  readonly log: SealedLog;
  readonly start: number;
  readonly atMs: number;
}

interface Problem {
  readonly message: string;
  readonly offset: number;
}

function newLog(truth: Truth, pk: string): SealedLog {
  const records = [...(truth.partitions.get(pk)?.records.values() ?? [])];
  return { pk, segments: new Map(), end: 0, visible: new Set(), lastSeenMs: new Map(), records };
}

function applyChange(log: SealedLog, { key, item, atMs }: Change<string>, contents: ObjectContents): void {
  if (item === undefined) log.segments.delete(key.sk);
  else log.segments.set(key.sk, segmentFromItem(item));
  const visible = visibleOffsets([...log.segments.values()], contents);
  for (const offset of log.visible) if (!visible.has(offset)) log.lastSeenMs.set(offset, atMs);
  log.visible = visible;
  log.end = Math.max(log.end, ...[...log.segments.values()].map(({ endOffset }) => endOffset));
}

/** Where two items cover an offset, the one that begins nearest to it counts. */
function visibleOffsets(segments: readonly Segment[], contents: ObjectContents): ReadonlySet<number> {
  const seen = new Set<number>();
  const ordered = segments.toSorted((a, b) => a.baseOffset - b.baseOffset);
  for (const { baseOffset, endOffset, objectKey } of ordered) {
    for (let offset = baseOffset; offset < endOffset; offset++) seen.delete(offset);
    if (objectKey === undefined) continue;
    for (const { offset } of contents(objectKey)?.records ?? []) seen.add(offset);
  }
  return seen;
}

function tombstoneProblem({ log, start, atMs }: View, past: Past, keptMs: number): Problem | undefined {
  const { pk, visible, lastSeenMs, end } = log;
  const isGone = ({ offset, text }: TextRecord): boolean =>
    offset >= start && offset < end && text.startsWith(TOMBSTONE) && !visible.has(offset);
  for (const tombstone of log.records.filter(isGone)) {
    if (past.newerOf(pk, tombstone).some(({ offset }) => visible.has(offset))) continue;
    const older = past.olderOf(pk, tombstone).filter(({ offset }) => offset >= start);
    const standing = older.find(({ offset }) => visible.has(offset));
    if (standing !== undefined) {
      const message = `the tombstone at ${tombstone.offset} is gone, and what it deleted still stands`;
      return { message, offset: standing.offset };
    }
    if (lastSeenMs.get(tombstone.offset) !== atMs) continue;
    const seenMs = Math.max(...older.map(({ offset }) => lastSeenMs.get(offset) ?? Number.NEGATIVE_INFINITY));
    if (atMs - seenMs >= keptMs - ROUNDING_MS) continue;
    const message = `the tombstone is gone ${atMs - seenMs} ms after what it deleted, of ${keptMs}`;
    return { message, offset: tombstone.offset };
  }
  return undefined;
}

/** Items that a merge has covered are on their way out, and are not compacted any more. */
function cleanProblem(
  { log, start }: View,
  past: Past,
  { cleanTo, contents }: { readonly cleanTo: number; readonly contents: ObjectContents },
): Problem | undefined {
  const inOrder = [...log.segments.values()].toSorted((a, b) => a.baseOffset - b.baseOffset);
  const standing = visibleOffsets(inOrder.filter(coverFilter()), contents);
  const isLeft = (record: TextRecord): boolean =>
    record.offset >= start &&
    record.offset < cleanTo &&
    standing.has(record.offset) &&
    past.newerOf(log.pk, record).some(({ offset }) => offset < cleanTo);
  const left = log.records.find(isLeft);
  return left && { message: `clean to ${cleanTo}, but ${left.offset} stands`, offset: left.offset };
}
