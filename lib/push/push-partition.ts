import { MillraceError } from '../errors.ts';
import type { PartitionPlace } from '../log.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import type { Random } from '../storage/random.ts';
import { outcomeOf } from './batch-answer.ts';
import { deadLetter, unreadableLetter } from './dead-letter.ts';
import { type KafkaEvent, kafkaEvent, type PushRecord } from './kafka-event.ts';
import { encodeNote, type ProgressNote } from './progress-note.ts';
import {
  afterGivingUp,
  afterSending,
  backOffMs,
  newWork,
  nextStep,
  type PushError,
  type PushOutcome,
  type PushRules,
  type PushStep,
  type PushWork,
  resumedWork,
  type Stretch,
} from './push-plan.ts';
import type { PushSettings } from './push-settings.ts';
import type { PushSource, SourceBatch } from './push-source.ts';
import type { Slots } from './slots.ts';

/** What became of one call of the function. */
export type InvokeAnswer =
  | { readonly kind: 'answered'; readonly answer: unknown }
  /** The function threw, timed out, died, or refused the call for its size. */
  | { readonly kind: 'failed'; readonly error: PushError }
  /** It was not called, or nobody knows: that is not the records' fault. */
  | { readonly kind: 'unmade'; readonly cause: unknown };

export interface PushCounts {
  calls: number;
  failures: number;
  /** Delivered, as far as the function said so. */
  records: number;
  deadLetters: number;
  /** Partitions whose next records were gone before they were sent. */
  moved: number;
  faults: number;
}

export interface PartitionPushParts {
  readonly settings: PushSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly invoke: (event: KafkaEvent) => Promise<InvokeAnswer>;
  /** Stores one dead letter; throws if that is not certain. */
  readonly bury: (letter: string) => Promise<void>;
  /** False: the partition is another's, or nobody's, by now. Throws what may be tried again. */
  readonly commit: (offset: number, metadata: string) => Promise<boolean>;
  /** Shared by all partitions of a runner. */
  readonly slots: Slots;
  readonly counts: PushCounts;
  readonly newCall: () => Call;
  /** Tells the operator. */
  readonly onFault: (cause: unknown, doing: string) => void;
}

export interface PartitionPush {
  readonly place: PartitionPlace;
  readonly source: PushSource;
  /** What the runner before has noted. */
  readonly note: ProgressNote | undefined;
  /** Aborted: nothing more is begun; a call that is under way is waited for, and its outcome stored. */
  readonly stop: AbortSignal;
  /** Whether everything there was has been delivered. */
  readonly onQuiet: (quiet: boolean) => void;
}

type RecordsBatch = Extract<SourceBatch, { readonly kind: 'records' }>;

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

async function deliver(
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

/** Tried until it is known, or the partition is lost, or the runner ends: then it will be delivered again. */
async function committed(
  parts: PartitionPushParts,
  push: PartitionPush,
  offset: number,
  metadata: string,
): Promise<boolean> {
  return tried(parts, push, () => parts.commit(offset, metadata));
}

/** ⚑ Nothing is passed over before its letter is stored. */
async function buried(parts: PartitionPushParts, push: PartitionPush, letter: string): Promise<boolean> {
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

function noteFault({ counts, onFault }: PartitionPushParts, place: PartitionPlace, error: unknown): void {
  // The topic is being deleted: the assignment will tell.
  if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return;
  counts.faults += 1;
  onFault(error, `pushing ${place.topic}-${place.partition} failed; it is tried again`);
}

function resumed(records: readonly PushRecord[], { failures, to }: ProgressNote): PushWork {
  const end = records.findIndex(({ offset }) => offset >= to);
  return resumedWork(records.length, { to: end === -1 ? records.length : end, failures });
}

function rulesOf({ maxRetries, maxRecordAgeSeconds, bisect }: PushSettings): PushRules {
  return { maxRetries, maxRecordAgeMs: maxRecordAgeSeconds * 1_000, bisect };
}

async function pause(clock: Clock, ms: number, stop: AbortSignal): Promise<void> {
  if (ms > 0) await clock.sleep(ms, stop).catch(() => undefined);
}
