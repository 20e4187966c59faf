import { LIMITS } from '../../lib/limits.ts';
import type { FetchRecord, History, ListingRecord } from './history.ts';
import type { Past } from './past.ts';
import { livesOf, type TopicLife, type TruePartition, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/** I5, and I2 for consistent reads: what readers saw is a contiguous prefix of the truth, and errors are justified. */
export function checkReads(history: History, truth: Truth, past: Past): Violation[] {
  return [
    ...history.fetches.flatMap((fetch) => checkFetch(fetch, history, truth, past)),
    ...history.listings.flatMap((listing) => checkListing(listing, truth, past)),
  ];
}

type Read = Extract<FetchRecord['outcome'], { kind: 'read' }>;

function checkFetch(fetch: FetchRecord, history: History, truth: Truth, past: Past): Violation[] {
  const { outcome } = fetch;
  const report = (invariant: Violation['invariant'], message: string): Violation => ({
    invariant,
    message: `${fetch.process} read ${fetch.topic}-${fetch.partition} from ${fetch.offset}: ${message}`,
    atMs: fetch.endedMs,
    where: `${fetch.topic}-${fetch.partition}`,
    offset: fetch.offset,
  });
  if (outcome.kind === 'open') return [];
  if (outcome.kind === 'failed') {
    const problem = checkFailure(fetch, outcome, { truth, past, history });
    return problem === undefined ? [] : [report(problem.invariant, problem.message)];
  }
  const shape = checkShape(fetch.offset, outcome);
  if (shape !== undefined) return [report('I5', shape)];
  const content = checkContent(fetch, outcome, truth, past);
  return content === undefined ? [] : [report('I5', content)];
}

/** Whole batches in order, none of which lies below the offset asked. What lies between them is judged by content. */
function checkShape(offset: number, read: Read): string | undefined {
  let end = offset;
  for (const [batchBase, batchEnd] of read.spans) {
    const isFirst = end === offset;
    if (batchEnd <= offset) return `it began with [${batchBase}, ${batchEnd})`;
    if (!isFirst && batchBase < end) return `[${batchBase}, ${batchEnd}) followed ${end}`;
    end = batchEnd;
  }
  if (read.nextOffset < end) return `the next offset was said to be ${read.nextOffset}`;
  if (read.highWatermark < read.nextOffset) return `the end was said to be ${read.highWatermark}`;
  return undefined;
}

/**
 * All records stand at these very offsets of one partition that the name has stood for, by then, and what is missing
 * between the offset asked and the next one may be missing.
 */
function checkContent(fetch: FetchRecord, read: Read, truth: Truth, past: Past): string | undefined {
  const candidates = candidatesOf(fetch, truth);
  const agrees = ({ partition }: Candidate): boolean =>
    read.records.every(({ offset, text }) => partition?.records.get(offset)?.text === text);
  const agreeing = candidates.filter(agrees);
  if (agreeing.length === 0) {
    const wrong = read.records.find(
      ({ offset, text }) =>
        !candidates.some(({ partition }) => partition?.records.get(offset)?.text === text),
    );
    return `the record ${wrong?.text} at ${wrong?.offset} was never stored there`;
  }
  const problems = agreeing.map((candidate) => problemWith(fetch, read, candidate, past));
  return problems.includes(undefined) ? undefined : problems[0];
}

function problemWith(
  fetch: FetchRecord,
  read: Read,
  { pk, partition }: Candidate,
  past: Past,
): string | undefined {
  const end = partition?.endAt(fetch.endedMs) ?? 0;
  const told = Math.max(read.highWatermark, fetch.offset);
  if (told > end) return `it was told of offsets up to ${told}, which did not exist`;
  const start = past.logStartAt(pk, fetch.endedMs);
  if (read.logStartOffset > start) return `the start was said to be ${read.logStartOffset}, not ${start}`;
  const seen = new Set(read.records.map(({ offset }) => offset));
  for (
    let offset = Math.min(fetch.offset, read.spans[0]?.[0] ?? fetch.offset);
    offset < read.nextOffset;
    offset++
  ) {
    if (seen.has(offset) || past.mayBeMissing(pk, offset, fetch.endedMs)) continue;
    return `the record at ${offset} was left out`;
  }
  return undefined;
}

interface Candidate {
  readonly pk: string;
  readonly life: TopicLife;
  readonly partition: TruePartition | undefined;
}

/** Every topic the name may have stood for in the eyes of a process that may have been frozen. */
function candidatesOf(asked: FetchRecord | ListingRecord, truth: Truth): Candidate[] {
  return livesOf(truth, asked.topic)
    .filter(({ createdMs }) => createdMs <= asked.endedMs)
    .map((life) => {
      const pk = `${life.topicId}:${asked.partition}`;
      return { pk, life, partition: truth.partitions.get(pk) };
    });
}

function checkFailure(
  fetch: FetchRecord,
  failed: { readonly code: string; readonly message: string },
  { truth, past, history }: { readonly truth: Truth; readonly past: Past; readonly history: History },
): Pick<Violation, 'invariant' | 'message'> | undefined {
  const candidates = candidatesOf(fetch, truth);
  if (failed.code === 'OFFSET_OUT_OF_RANGE') {
    const justified = candidates.some(
      ({ pk, partition, life }) =>
        fetch.offset > (partition?.endAt(fetch.startedMs) ?? 0) ||
        fetch.offset < past.logStartAt(pk, fetch.endedMs) ||
        // A process whose clocks stood still may take a topic for there of which nothing is left.
        life.deletingMs + LIMITS.deletedTopicGraceMs <= fetch.endedMs,
    );
    return justified
      ? undefined
      : { invariant: 'I5', message: `refused though it exists: ${failed.message}` };
  }
  // Whoever still reads a deleted topic may find it half gone.
  const anyDeleted = candidates.some(({ life }) => life.deletingMs <= fetch.endedMs);
  const isStruck = history.disasters.some((disaster) => candidates.some(({ pk }) => pk === disaster.pk));
  if (failed.code === 'KAFKA_STORAGE_ERROR' && !anyDeleted && !isStruck)
    return { invariant: 'I7', message: failed.message };
  return undefined;
}

function checkListing(listing: ListingRecord, truth: Truth, past: Past): Violation[] {
  const { outcome, at } = listing;
  if (outcome.kind !== 'listed') return [];
  const candidates = candidatesOf(listing, truth);
  const isRight = ({ pk, partition }: Candidate): boolean => {
    if (at === 'earliest') {
      const { startedMs, endedMs } = listing;
      return (
        past.logStartAt(pk, startedMs) <= outcome.offset && outcome.offset <= past.logStartAt(pk, endedMs)
      );
    }
    if (at === 'latest') return liesBetween(listing, partition, outcome.offset);
    if (outcome.offset === -1) return true;
    const isGone = (offset: number): boolean => past.mayBeMissing(pk, offset, listing.endedMs);
    return isTimestampRight(partition, at, outcome, isGone);
  };
  if (candidates.some(isRight)) return [];
  const message = `${listing.process} was told ${JSON.stringify(outcome)} for ${JSON.stringify(at)} of ${listing.topic}-${listing.partition}`;
  const where = `${listing.topic}-${listing.partition}`;
  const invariant = at === 'latest' ? 'I2' : 'I5';
  return [{ invariant, message, atMs: listing.endedMs, where, offset: outcome.offset }];
}

/** The end is read consistently: at least what it was when the question was asked. */
function liesBetween(listing: ListingRecord, partition: TruePartition | undefined, offset: number): boolean {
  return (
    (partition?.endAt(listing.startedMs) ?? 0) <= offset && offset <= (partition?.endAt(listing.endedMs) ?? 0)
  );
}

/** Whatever prefix was seen: the record is there, has that timestamp, and none before it that is left would do. */
function isTimestampRight(
  partition: TruePartition | undefined,
  at: Exclude<ListingRecord['at'], 'earliest' | 'latest'>,
  listed: { readonly offset: number; readonly timestampMs: number },
  isGone: (offset: number) => boolean,
): boolean {
  const record = partition?.records.get(listed.offset);
  if (record === undefined || record.timestampMs !== listed.timestampMs) return false;
  const least = at === 'max-timestamp' ? record.timestampMs : at.timestampMs;
  if (record.timestampMs < least) return false;
  for (const earlier of partition?.records.values() ?? []) {
    if (earlier.offset < record.offset && earlier.timestampMs >= least && !isGone(earlier.offset)) {
      return false;
    }
  }
  return true;
}
