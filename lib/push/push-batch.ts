import type { PartitionPlace } from '../log.ts';
import { outcomeOf } from './batch-answer.ts';
import { deadLetter } from './dead-letter.ts';
import { kafkaEvent, type PushRecord } from './kafka-event.ts';
import { encodeNote, type ProgressNote } from './progress-note.ts';
import type { PartitionPush, PartitionPushParts } from './push-parts.ts';
import {
  afterGivingUp,
  afterSending,
  newWork,
  nextStep,
  type PushOutcome,
  type PushRules,
  type PushStep,
  type PushWork,
  resumedWork,
  type Stretch,
} from './push-plan.ts';
import type { PushSettings } from './push-settings.ts';
import type { SourceBatch } from './push-source.ts';
import { buried, committed, pause } from './push-steps.ts';

type RecordsBatch = Extract<SourceBatch, { readonly kind: 'records' }>;

/**
 * Does what the plan says until every record of the batch is delivered or given up, and commits after every step. False:
 * it is over here, for good; whoever takes the partition next begins at the last commit.
 */
export async function deliver(
  parts: PartitionPushParts,
  push: PartitionPush,
  batch: RecordsBatch,
  note: ProgressNote | undefined,
): Promise<boolean> {
  const { settings, clock, random } = parts;
  const { records } = batch;
  const rules = rulesOf(settings);
  let work: PushWork = note === undefined ? newWork(records.length) : resumed(records, note);
  for (;;) {
    const step = nextStep(work, rules, { records, nowMs: clock.wallMs(), random: random.next() });
    if (step.kind === 'done') return true;
    const left =
      step.kind === 'giveUp'
        ? await giveUp(parts, push, records, work, step)
        : await send(parts, push, records, work, { ...step, rules });
    if (left === undefined) return false;
    const isStuck = left.unmade > 0;
    work = left;
    if (!isStuck && !(await progressed(parts, push, work, batch))) return false;
  }
}

/** Answers what is left; undefined: it is over here. */
async function giveUp(
  parts: PartitionPushParts,
  push: PartitionPush,
  records: readonly PushRecord[],
  work: PushWork,
  { stretch, reason }: Extract<PushStep, { readonly kind: 'giveUp' }>,
): Promise<PushWork | undefined> {
  const { from, to, error, failures } = stretch;
  const given = { ...push.place, records: records.slice(from, to), reason, failures };
  const letter = deadLetter(
    { ...parts.settings, nowMs: parts.clock.wallMs() },
    { ...given, ...(error === undefined ? {} : { error }) },
  );
  return (await buried(parts, push, letter)) ? afterGivingUp(work, to) : undefined;
}

/** Waits, sends, and answers what is left; undefined: it is over here. */
async function send(
  parts: PartitionPushParts,
  push: PartitionPush,
  records: readonly PushRecord[],
  work: PushWork,
  { stretch, waitMs, rules }: Extract<PushStep, { readonly kind: 'send' }> & { readonly rules: PushRules },
): Promise<PushWork | undefined> {
  await pause(parts.clock, waitMs, push.stop);
  if (push.stop.aborted) return undefined;
  const outcome = await called(parts, push.place, records.slice(stretch.from, stretch.to), stretch.from);
  count(parts, outcome, stretch);
  return afterSending(work, outcome, rules);
}

/** Commits how far the work has come, and what it is stuck at. */
function progressed(
  parts: PartitionPushParts,
  push: PartitionPush,
  { stretches }: PushWork,
  { records, nextOffset }: RecordsBatch,
): Promise<boolean> {
  const [first] = stretches;
  const offset = first === undefined ? nextOffset : (records[first.from]?.offset ?? nextOffset);
  if (first === undefined || first.failures === 0) return committed(parts, push, offset, '');
  const to = records[first.to]?.offset ?? nextOffset;
  return committed(parts, push, offset, encodeNote({ failures: first.failures, to }));
}

async function called(
  { invoke, slots, onFault }: PartitionPushParts,
  place: PartitionPlace,
  records: readonly PushRecord[],
  from: number,
): Promise<PushOutcome> {
  const answer = await slots.run(() => invoke(kafkaEvent(place, records)));
  if (answer.kind === 'failed') return answer;
  if (answer.kind === 'unmade') {
    onFault(answer.cause, `the function could not be called for ${place.topic}-${place.partition}`);
    return { kind: 'unmade' };
  }
  const outcome = outcomeOf(
    answer.answer,
    place,
    records.map(({ offset }) => offset),
  );
  return outcome.kind === 'stoppedAt' ? { ...outcome, index: from + outcome.index } : outcome;
}

function count({ counts }: PartitionPushParts, outcome: PushOutcome, { from, to }: Stretch): void {
  if (outcome.kind === 'unmade') {
    counts.faults += 1;
    return;
  }
  counts.calls += 1;
  if (outcome.kind === 'delivered') counts.records += to - from;
  else counts.failures += 1;
  if (outcome.kind === 'stoppedAt') counts.records += outcome.index - from;
}

function resumed(records: readonly PushRecord[], { failures, to }: ProgressNote): PushWork {
  const end = records.findIndex(({ offset }) => offset >= to);
  return resumedWork(records.length, { to: end === -1 ? records.length : end, failures });
}

function rulesOf({ maxRetries, maxRecordAgeSeconds, bisect }: PushSettings): PushRules {
  return { maxRetries, maxRecordAgeMs: maxRecordAgeSeconds * 1_000, bisect };
}
