import { type ErrorCode, MillraceError } from '../../errors.ts';
import { atOnce } from '../../group/at-once.ts';
import { isAllRead, type OffsetRange, type ReadBehind, seenBehind } from '../../group/offsets/read-behind.ts';
import type { FetchResult } from '../../log.ts';
import { readBatchHeader } from '../../record/header.ts';
import { type ConsumerInstance, type HeldPartition, isMember, isTopicGone, wantedPlace } from './instance.ts';
import { type ConsumerParts, REQUESTS_AT_ONCE } from './parts.ts';
import { resetOffset } from './start-positions.ts';

export interface CollectWish {
  /** Wait until this much is there. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly waitMs: number;
  readonly instance: ConsumerInstance;
}

/** One partition while a read goes on. */
export interface Gathered {
  readonly held: HeldPartition;
  /** Where the answer begins: the position, unless that was gone and has been reset. Undefined: there is none. */
  from: number | undefined;
  /** Behind what was fetched. */
  next: number | undefined;
  /** Those left out in which there is nothing but what the group has read elsewhere. */
  readonly batches: Uint8Array[];
  /** What had been read behind the position, as far as it is known by now. */
  behind: ReadBehind | undefined;
  /** Of what was fetched, the offsets that have been read elsewhere. */
  readonly read: OffsetRange[];
  /** False while it has not been looked at, or more was there than was fetched. */
  isAtEnd: boolean;
  error: MillraceError | undefined;
}

/** What one partition may give in one go, so that a few full ones do not take the whole answer. */
const SHARE_BYTES_MIN = 65_536;
const ROUNDS_MAX = 4;

/**
 * Fetches what the partitions have, those in front first, and waits if that is less than `bytesMin`. Each has its own
 * error; another's records are not held up by it. Ends early, with what there is, when the client is gone.
 */
export async function collect(
  parts: ConsumerParts,
  partitions: readonly HeldPartition[],
  wish: CollectWish,
): Promise<readonly Gathered[]> {
  const all = partitions.map(newGathered);
  const untilMs = parts.clock.monotonicMs() + wish.waitMs;
  await fetchRounds(parts, all, wish);
  while (bytesOf(all) < wish.bytesMin) {
    const leftMs = Math.min(untilMs, parts.call.deadlineMs) - parts.clock.monotonicMs();
    if (leftMs <= 0 || isGone(parts) || all.some(hasFailed)) break;
    const waiting = all.filter(({ error }) => error === undefined);
    if (waiting.length > 0) await waitForAny(parts, waiting, { ...wish, waitMs: leftMs });
    else await parts.clock.sleep(leftMs, parts.signal).catch(() => undefined);
  }
  return all;
}

function newGathered(held: HeldPartition): Gathered {
  const { next, topic, partition, behind } = held;
  const message = `Nothing is committed for partition ${partition} of topic '${topic}', and auto.offset.reset is none`;
  const error = next === undefined ? new MillraceError('OFFSET_OUT_OF_RANGE', message) : undefined;
  return { held, from: next, next, batches: [], behind, read: [], isAtEnd: false, error };
}

/** A topic that was deleted has only nothing to read; the group will find out. */
export const hasFailed = ({ error }: Gathered): boolean => error !== undefined && !isTopicGone(error);

const bytesOf = (all: readonly Gathered[]): number =>
  all.reduce((total, { batches }) => total + batches.reduce((sum, { length }) => sum + length, 0), 0);

const isGone = ({ signal }: ConsumerParts): boolean => signal?.aborted === true;

/** Every partition once for its share, then those that have more for what is left. */
async function fetchRounds(
  parts: ConsumerParts,
  all: readonly Gathered[],
  { instance, bytesMax }: CollectWish,
): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const open = all.filter(({ isAtEnd, error }) => !isAtEnd && error === undefined);
    const left = bytesMax - bytesOf(all);
    if (open.length === 0 || left <= 0) return;
    const share = Math.min(left, Math.max(SHARE_BYTES_MIN, Math.ceil(left / open.length)));
    await atOnce(open, REQUESTS_AT_ONCE, async (gathered) => {
      if (bytesOf(all) < bytesMax) await fetchInto(parts, gathered, { instance, maxBytes: share, waitMs: 0 });
    });
  }
}

/** The first that has something ends the wait of the others, who look once more and bring what they see. */
async function waitForAny(
  parts: ConsumerParts,
  waiting: readonly Gathered[],
  { instance, bytesMax, waitMs }: CollectWish,
): Promise<void> {
  const found = new AbortController();
  const signals = parts.signal === undefined ? [found.signal] : [found.signal, parts.signal];
  const signal = AbortSignal.any(signals);
  const maxBytes = Math.max(SHARE_BYTES_MIN, Math.ceil(bytesMax / waiting.length));
  const calling = { ...parts, call: { ...parts.call, signal } };
  const work = waiting.map(async (gathered) => {
    const before = gathered.next;
    try {
      await fetchInto(calling, gathered, { instance, maxBytes, waitMs });
    } catch (error) {
      // A wait that is ended in the middle of a request may end with the reason of its end.
      if (!signal.aborted) throw error;
    }
    // What was only passed over may have more behind it.
    if (gathered.next !== before || gathered.error !== undefined) found.abort();
  });
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function fetchInto(
  parts: ConsumerParts,
  gathered: Gathered,
  options: { readonly instance: ConsumerInstance; readonly maxBytes: number; readonly waitMs: number },
): Promise<void> {
  try {
    const result = await fetchOrReset(parts, gathered, options);
    if (result === undefined) return;
    take(gathered, result);
    gathered.isAtEnd = result.nextOffset >= result.highWatermark;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    gathered.error = error;
  }
}

function take(gathered: Gathered, { batches, nextOffset, foreign }: FetchResult): void {
  const { behind, next: from = nextOffset } = gathered;
  gathered.next = nextOffset;
  if (behind === undefined) {
    gathered.batches.push(...batches);
    return;
  }
  const seen = seenBehind(behind, { from, nextOffset, ...(foreign === undefined ? {} : { foreign }) });
  gathered.behind = seen.behind;
  gathered.read.push(...seen.read);
  for (const batch of batches) {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(batch);
    const range = { from: Math.max(from, baseOffset), to: baseOffset + lastOffsetDelta + 1 };
    if (!isAllRead(seen.read, range)) gathered.batches.push(batch);
  }
}

/** A position that retention has passed, or that lies beyond the end, is given up for the reset, as in Kafka. */
async function fetchOrReset(
  parts: ConsumerParts,
  gathered: Gathered,
  { instance, maxBytes, waitMs }: Parameters<typeof fetchInto>[2],
): Promise<FetchResult | undefined> {
  const { behind } = gathered;
  const place = wantedPlace(instance, { ...gathered.held, behind });
  const fetch = (offset: number): Promise<FetchResult> =>
    parts.log.fetch({ ...place, offset, maxBytes, waitMs }, parts.call);
  if (gathered.next === undefined) return undefined;
  try {
    return await fetch(gathered.next);
  } catch (error) {
    const { reset } = instance.settings;
    if (behind !== undefined && !isMember(instance) && isCode(error, 'UNKNOWN_TOPIC_ID')) {
      // ⚑ The name stands for another topic by now, of which nothing has been read.
      gathered.behind = undefined;
      return fetchOrReset(parts, gathered, { instance, maxBytes, waitMs });
    }
    if (!isCode(error, 'OFFSET_OUT_OF_RANGE') || reset === 'none' || gathered.batches.length > 0) throw error;
    const offset = await resetOffset(parts, place, reset);
    if (offset === undefined) throw error;
    gathered.from = offset;
    gathered.next = offset;
    gathered.behind = undefined;
    return await fetch(offset);
  }
}

const isCode = (error: unknown, code: ErrorCode): boolean =>
  error instanceof MillraceError && error.code === code;
