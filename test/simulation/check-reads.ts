import { livesOf } from './check-produces.ts';
import type { FetchRecord, History, ListingRecord } from './history.ts';
import type { TopicLife, TruePartition, Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/** I5, and I2 for consistent reads: what readers saw is a contiguous prefix of the truth, and errors are justified. */
export function checkReads(history: History, truth: Truth): Violation[] {
  return [
    ...history.fetches.flatMap((fetch) => checkFetch(fetch, truth)),
    ...history.listings.flatMap((listing) => checkListing(listing, truth)),
  ];
}

type Read = Extract<FetchRecord['outcome'], { kind: 'read' }>;

function checkFetch(fetch: FetchRecord, truth: Truth): Violation[] {
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
    const problem = checkFailure(fetch, outcome, truth);
    return problem === undefined ? [] : [report(problem.invariant, problem.message)];
  }
  const shape = checkShape(fetch.offset, outcome);
  if (shape !== undefined) return [report('I5', shape)];
  const content = checkContent(fetch, outcome, truth);
  return content === undefined ? [] : [report('I5', content)];
}

/** Whole batches in a row, the first of which holds the offset asked. */
function checkShape(offset: number, read: Read): string | undefined {
  let expected: number | undefined;
  for (const [base, end] of read.spans) {
    if (expected === undefined && !(base <= offset && offset < end)) return `it began with [${base}, ${end})`;
    if (expected !== undefined && base !== expected) return `[${base}, ${end}) followed ${expected}`;
    expected = end;
  }
  if (read.nextOffset !== (expected ?? offset)) return `the next offset was said to be ${read.nextOffset}`;
  const recordCount = (expected ?? offset) - (read.spans[0]?.[0] ?? offset);
  if (read.records.length !== recordCount) return `${read.records.length} records in ${recordCount} offsets`;
  if (read.highWatermark < read.nextOffset) return `the end was said to be ${read.highWatermark}`;
  return read.logStartOffset === 0 ? undefined : `the start was said to be ${read.logStartOffset}`;
}

/** All records stand at these very offsets of one partition that the name has stood for, by then. */
function checkContent(fetch: FetchRecord, read: Read, truth: Truth): string | undefined {
  const candidates = candidatesOf(fetch, truth);
  const agrees = ({ partition }: Candidate): boolean =>
    read.records.every(({ offset, value }) => partition?.records.get(offset)?.value === value);
  const reaches = ({ partition }: Candidate): boolean => {
    const end = partition?.endAt(fetch.endedMs) ?? 0;
    return read.highWatermark <= end && fetch.offset <= end;
  };
  const agreeing = candidates.filter(agrees);
  if (agreeing.length === 0) {
    const wrong = read.records.find(
      ({ offset, value }) =>
        !candidates.some(({ partition }) => partition?.records.get(offset)?.value === value),
    );
    return `the record ${wrong?.value} at ${wrong?.offset} was never stored there`;
  }
  if (agreeing.some(reaches)) return undefined;
  return `it was told of offsets up to ${Math.max(read.highWatermark, fetch.offset)}, which did not exist`;
}

interface Candidate {
  readonly life: TopicLife;
  readonly partition: TruePartition | undefined;
}

/** Every topic the name may have stood for in the eyes of a process that may have been frozen. */
function candidatesOf(asked: FetchRecord | ListingRecord, truth: Truth): Candidate[] {
  return livesOf(truth, asked.topic)
    .filter(({ createdMs }) => createdMs <= asked.endedMs)
    .map((life) => ({ life, partition: truth.partitions.get(`${life.topicId}:${asked.partition}`) }));
}

function checkFailure(
  fetch: FetchRecord,
  failed: { readonly code: string; readonly message: string },
  truth: Truth,
): Pick<Violation, 'invariant' | 'message'> | undefined {
  const candidates = candidatesOf(fetch, truth);
  if (failed.code === 'OFFSET_OUT_OF_RANGE') {
    const justified = candidates.some(
      ({ partition }) => fetch.offset > (partition?.endAt(fetch.startedMs) ?? 0),
    );
    return justified
      ? undefined
      : { invariant: 'I5', message: `refused though it exists: ${failed.message}` };
  }
  // Whoever still reads a deleted topic may find it half gone.
  const anyDeleted = candidates.some(({ life }) => life.deletingMs <= fetch.endedMs);
  if (failed.code === 'KAFKA_STORAGE_ERROR' && !anyDeleted)
    return { invariant: 'I7', message: failed.message };
  return undefined;
}

function checkListing(listing: ListingRecord, truth: Truth): Violation[] {
  const { outcome, at } = listing;
  if (outcome.kind !== 'listed') return [];
  const candidates = candidatesOf(listing, truth);
  const isRight = ({ partition }: Candidate): boolean => {
    if (at === 'earliest') return outcome.offset === 0;
    if (at === 'latest') return liesBetween(listing, partition, outcome.offset);
    if (outcome.offset === -1) return true;
    return isTimestampRight(partition, at, outcome);
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

/** Whatever prefix was seen: the record is there, has that timestamp, and none before it would do. */
function isTimestampRight(
  partition: TruePartition | undefined,
  at: Exclude<ListingRecord['at'], 'earliest' | 'latest'>,
  listed: { readonly offset: number; readonly timestampMs: number },
): boolean {
  const record = partition?.records.get(listed.offset);
  if (record === undefined || record.timestampMs !== listed.timestampMs) return false;
  const least = at === 'max-timestamp' ? record.timestampMs : at.timestampMs;
  if (record.timestampMs < least) return false;
  for (const earlier of partition?.records.values() ?? []) {
    if (earlier.offset < record.offset && earlier.timestampMs >= least) return false;
  }
  return true;
}
