import { unreadableLetter } from './dead-letter.ts';
import type { ProgressNote } from './progress-note.ts';
import { deliver } from './push-batch.ts';
import type { PartitionPush, PartitionPushParts } from './push-parts.ts';
import { backOffMs } from './push-plan.ts';
import type { SourceBatch } from './push-source.ts';
import { buried, committed, noteFault, pause } from './push-steps.ts';

const POLL_MS_MIN = 100;
const POLL_MS_MAX = 1_000;

/**
 * Sends a partition's records to the function, one call at a time, in order; the position is committed after every
 * call, and no record is sent before those in front of it were delivered or given up. Ends when it is told to, or when
 * the partition is taken away.
 */
export async function pushPartition(parts: PartitionPushParts, push: PartitionPush): Promise<void> {
  const { clock, random } = parts;
  let { note } = push;
  let pauseMs = POLL_MS_MIN;
  let faults = 0;
  while (!push.stop.aborted) {
    const batch = await nextBatch(parts, push);
    faults = batch === undefined ? faults + 1 : 0;
    push.onQuiet(batch === undefined || batch.kind === 'nothing');
    if (batch === undefined) {
      await pause(clock, backOffMs(faults + 2, random.next()), push.stop);
    } else if (batch.kind === 'nothing') {
      await pause(clock, pauseMs, push.stop);
      pauseMs = Math.min(POLL_MS_MAX, pauseMs * 2);
    } else {
      pauseMs = POLL_MS_MIN;
      if (!(await handled(parts, push, batch, note))) return;
      note = undefined;
    }
  }
}

/** Undefined: storage did not answer. */
async function nextBatch(
  parts: PartitionPushParts,
  { place, source }: PartitionPush,
): Promise<SourceBatch | undefined> {
  try {
    return await parts.slots.run(() => source.next(parts.newCall()));
  } catch (error) {
    noteFault(parts, place, error);
    return undefined;
  }
}

/** False: it is over here, for good. */
async function handled(
  parts: PartitionPushParts,
  push: PartitionPush,
  batch: Exclude<SourceBatch, { readonly kind: 'nothing' }>,
  note: ProgressNote | undefined,
): Promise<boolean> {
  const { settings, clock, counts } = parts;
  if (batch.kind === 'records') return deliver(parts, push, batch, note);
  if (batch.kind === 'passed') return committed(parts, push, batch.nextOffset, '');
  if (batch.kind === 'moved') {
    counts.moved += 1;
    return committed(parts, push, batch.nextOffset, '');
  }
  const { firstOffset, nextOffset, error } = batch;
  const origin = { ...settings, nowMs: clock.wallMs() };
  const unreadable = { ...push.place, firstOffset, lastOffset: nextOffset - 1, error };
  if (!(await buried(parts, push, unreadableLetter(origin, unreadable)))) return false;
  return committed(parts, push, nextOffset, '');
}
