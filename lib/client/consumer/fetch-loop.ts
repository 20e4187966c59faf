import { MillraceError } from '../../errors.ts';
import { type OffsetRange, rangesWithin, seenBehind } from '../../group/offsets/read-behind.ts';
import { LIMITS } from '../../limits.ts';
import type { FetchResult } from '../../log.ts';
import { readBatchHeader } from '../../record/header.ts';
import type { Bell } from '../bell.ts';
import type { ClientParts } from '../client-parts.ts';
import { type ConsumerSettings, isSubscribed } from './consumer-options.ts';
import {
  beginAt,
  bufferedBytes,
  type FetchedBatch,
  type HeldPartition,
  namedPlace,
} from './held-partition.ts';
import { sleepOrRing } from './pause.ts';
import { resetPosition } from './start-position.ts';

export interface FetchLoopParts {
  readonly client: ClientParts;
  readonly settings: ConsumerSettings;
  /** Rings when the consumer's loop has something to look at. */
  readonly changed: Bell;
  /** Of the consumer: they share `bufferBytesMax`. */
  readonly heldCount: () => number;
  readonly fail: (error: unknown) => void;
}

const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 5_000;
/** A member learns from its next heartbeats that a topic is gone; only then nobody reads it any more. */
const GONE_PAUSE_MS = 1_000;
const SHARE_BYTES_MIN = 65_536;
/** A partition that cannot be read for so long is the loop's business. */
const PATIENCE_MS = 120_000;

/** Reads one partition ahead of the consumer's loop until it is released, or fails with what the loop has to know. */
export async function fetchLoop(parts: FetchLoopParts, held: HeldPartition): Promise<void> {
  const { clock } = parts.client;
  held.isStuck = false;
  const failures = { count: 0, sinceMs: clock.monotonicMs() };
  while (!held.isReleased && !held.isStuck) {
    if (held.isPaused || held.isWithheld || bufferedBytes(held) >= bytesShare(parts)) {
      await held.bell.next();
      continue;
    }
    const { fetchEra } = held;
    held.interrupt = new AbortController();
    try {
      await fetchOnce(parts, held, held.interrupt.signal);
      failures.count = 0;
      failures.sinceMs = clock.monotonicMs();
    } catch (error) {
      if (!held.isReleased && fetchEra === held.fetchEra)
        await afterFailure(parts, held, { error, failures });
    }
  }
}

async function afterFailure(
  parts: FetchLoopParts,
  held: HeldPartition,
  { error, failures }: { error: unknown; failures: { count: number; readonly sinceMs: number } },
): Promise<void> {
  const { clock } = parts.client;
  const isLate = clock.monotonicMs() - failures.sinceMs > PATIENCE_MS;
  const ms = isLate ? undefined : pauseAfter(parts, error, failures.count);
  if (ms === undefined) {
    held.isStuck = true;
    // Whoever chose the partition by its name means the topic that has it when the next loop begins.
    if (!isSubscribed(parts.settings)) {
      held.topicId = undefined;
      // ⚑ Of another topic's records nothing has been read.
      held.behind = undefined;
    }
    parts.fail(error);
    return;
  }
  failures.count += 1;
  await sleepOrRing(clock, { ms, bell: held.bell });
}

/** Undefined: waiting does not help. */
function pauseAfter(
  { client, settings }: FetchLoopParts,
  error: unknown,
  failureCount: number,
): number | undefined {
  if (!(error instanceof MillraceError)) return undefined;
  switch (error.code) {
    case 'REQUEST_TIMED_OUT':
    case 'THROTTLING_QUOTA_EXCEEDED':
      return client.random.next() * Math.min(PAUSE_MS_MAX, PAUSE_MS_FIRST * 2 ** Math.min(failureCount, 8));
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'UNKNOWN_TOPIC_ID':
      return isSubscribed(settings) ? GONE_PAUSE_MS : undefined;
    default:
      return undefined;
  }
}

function bytesShare({ settings, heldCount }: FetchLoopParts): number {
  const share = settings.bufferBytesMax / Math.max(1, heldCount());
  return Math.max(SHARE_BYTES_MIN, Math.min(settings.fetchBytesMax, share));
}

async function fetchOnce(parts: FetchLoopParts, held: HeldPartition, signal: AbortSignal): Promise<void> {
  const { client, settings, changed } = parts;
  const { fetchEra, fetchOffset: offset } = held;
  const waitMs = Math.min(settings.fetchWaitMs, LIMITS.fetchWaitMsMax);
  const call = client.newCall({ timeoutMs: waitMs + settings.requestTimeoutMs, signal });
  try {
    const maxBytes = bytesShare(parts);
    const result = await client.log.fetch({ ...namedPlace(held), offset, maxBytes, waitMs }, call);
    if (fetchEra !== held.fetchEra || held.isReleased) return;
    held.fetched.push(...fetchedOf(result, readOf(held, offset, result)));
    held.fetchOffset = result.nextOffset;
    if (result.batches.length > 0) changed.ring();
  } catch (error) {
    const isOut = error instanceof MillraceError && error.code === 'OFFSET_OUT_OF_RANGE';
    if (!isOut || fetchEra !== held.fetchEra) throw error;
    await goOnElsewhere(parts, held);
  }
}

/** What was fetched before the offset that is gone is still given to the loop first. */
async function goOnElsewhere(
  { client, settings, changed }: FetchLoopParts,
  held: HeldPartition,
): Promise<void> {
  const { fetchEra } = held;
  const position = await resetPosition(client, settings, namedPlace(held));
  while (
    fetchEra === held.fetchEra &&
    !held.isReleased &&
    (held.fetched.length > 0 || held.open !== undefined)
  ) {
    await held.bell.next();
  }
  if (fetchEra !== held.fetchEra || held.isReleased) return;
  beginAt(held, position);
  changed.ring();
}

/** The offsets of it that the group has read elsewhere; how far that goes is known better from now on. */
function readOf(
  held: HeldPartition,
  from: number,
  { nextOffset, foreign }: FetchResult,
): readonly OffsetRange[] {
  if (held.behind === undefined) return [];
  const seen = seenBehind(held.behind, { from, nextOffset, ...(foreign === undefined ? {} : { foreign }) });
  held.behind = seen.behind;
  return seen.read;
}

function fetchedOf(
  { batches, nextOffset, highWatermark }: FetchResult,
  read: readonly OffsetRange[],
): FetchedBatch[] {
  return batches.map((bytes, index) => {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(bytes);
    const isLast = index === batches.length - 1;
    const end = isLast ? nextOffset : baseOffset + lastOffsetDelta + 1;
    const readOfIt = rangesWithin(read, { from: baseOffset, to: end });
    return { bytes, nextOffset: end, highWatermark, ...(readOfIt.length === 0 ? {} : { read: readOfIt }) };
  });
}
