import { MillraceError } from '../errors.ts';
import type { PartitionPlace } from '../log.ts';
import type { Clock } from '../storage/clock.ts';
import type { PartitionPush, PartitionPushParts } from './push-parts.ts';
import { backOffMs } from './push-plan.ts';

/** Tried until it is known, or the partition is lost, or the runner ends: then it will be delivered again. */
export async function committed(
  parts: PartitionPushParts,
  push: PartitionPush,
  offset: number,
  metadata: string,
): Promise<boolean> {
  const vector = push.source.vectorAt(offset);
  const position = { offset, metadata, ...(vector === undefined ? {} : { vector }) };
  return tried(parts, push, () => parts.commit(position));
}

/** ⚑ Nothing is passed over before its letter is stored. */
export async function buried(
  parts: PartitionPushParts,
  push: PartitionPush,
  letter: string,
): Promise<boolean> {
  return tried(parts, push, async () => {
    await parts.bury(letter);
    parts.counts.deadLetters += 1;
    return true;
  });
}

async function tried(
  parts: PartitionPushParts,
  { place, stop }: PartitionPush,
  work: () => Promise<boolean>,
): Promise<boolean> {
  for (let faults = 1; ; faults += 1) {
    try {
      return await work();
    } catch (error) {
      noteFault(parts, place, error);
      if (stop.aborted) return false;
      await pause(parts.clock, backOffMs(faults, parts.random.next()), stop);
    }
  }
}

const GONE = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);

export function noteFault(
  { counts, onFault }: PartitionPushParts,
  place: PartitionPlace,
  error: unknown,
): void {
  // The topic is being deleted: the assignment will tell.
  if (error instanceof MillraceError && GONE.has(error.code)) return;
  counts.faults += 1;
  onFault(error, `pushing ${place.topic}-${place.partition} failed; it is tried again`);
}

export async function pause(clock: Clock, ms: number, stop: AbortSignal): Promise<void> {
  if (ms > 0) await clock.sleep(ms, stop).catch(() => undefined);
}
