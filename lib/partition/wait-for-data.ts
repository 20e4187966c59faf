import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import type { PartitionReader, ReadResult } from './partition-reader.ts';
import type { PartitionState } from './partition-state.ts';

interface Parts {
  readonly reader: PartitionReader;
  readonly state: PartitionState;
  readonly clock: Clock;
}

interface Wanted {
  readonly offset: number;
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly waitMs: number;
}

/**
 * Reads, and while there is less than `bytesMin`, reads again after growing pauses, until `waitMs` has passed or nobody
 * waits any more. An append in the same process ends a pause at once.
 */
export async function readWhenThere(parts: Parts, wanted: Wanted, call: Call): Promise<ReadResult> {
  const untilMs = Math.min(parts.clock.monotonicMs() + wanted.waitMs, call.deadlineMs);
  for (let lookCount = 0; ; lookCount += 1) {
    const endBefore = parts.state.knownEnd ?? 0;
    const result = await parts.reader.read(wanted.offset, wanted.bytesMax, call);
    const bytes = result.batches.reduce((total, batch) => total + batch.length, 0);
    const leftMs = untilMs - parts.clock.monotonicMs();
    if (bytes >= wanted.bytesMin || leftMs <= 0 || call.signal?.aborted === true) return result;
    // Not the end known by now: an append that was answered during the look may not be in what the look saw.
    const seenEnd = Math.max(result.nextOffset, endBefore);
    await pause(parts, { seenEnd, ms: Math.min(leftMs, pollPauseMs(lookCount)), signal: call.signal });
    // A look that has no time left would turn an empty answer into a failure.
    if (parts.clock.monotonicMs() >= call.deadlineMs) return result;
  }
}

function pollPauseMs(lookCount: number): number {
  return Math.min(LIMITS.pollPauseMsMax, LIMITS.pollPauseMsMin * 2 ** Math.min(lookCount, 10));
}

async function pause(
  parts: Parts,
  options: { readonly seenEnd: number; readonly ms: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  options.signal?.addEventListener('abort', stop);
  if (options.signal?.aborted === true) stop();
  const slept = parts.clock.sleep(options.ms, over.signal).catch(() => undefined);
  await Promise.race([slept, parts.state.waitBeyond(options.seenEnd, over.signal)]);
  stop();
  options.signal?.removeEventListener('abort', stop);
}
