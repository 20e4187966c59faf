import { type Expiry, REMOVALS_MAX } from '../adapters/sqlite/expiry.ts';
import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import { sweepLog } from '../maintenance.ts';
import { runTask } from '../segment/tasks/run-task.ts';
import { createTaskPlanner, type TaskPlanner } from '../segment/tasks/task-planner.ts';
import { CONTINUATIONS_MAX, type Task } from '../segment/tasks/tasks.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import { Meter } from '../storage/meter.ts';

export interface Upkeep {
  /** Ends it; a round that is under way stops after the partition it is at. */
  stop(): Promise<void>;
}

export interface UpkeepOptions {
  readonly parts: EngineParts;
  readonly expiry: Expiry;
  readonly clock: Clock;
  readonly everyMs?: number;
  readonly sweepEveryMs?: number;
  readonly onFault: (doing: string, cause: unknown) => void;
}

const EVERY_MS = 60_000;
const SWEEP_EVERY_MS = 3_600_000;

/**
 * What scheduled functions do on AWS, by the same plans: seals, brings every topic within its policy, sweeps now and then;
 * and removes what has expired. ⚑ Of the hot table only what lies below a sealed end.
 */
export function startUpkeep(options: UpkeepOptions): Upkeep {
  const over = new AbortController();
  const running = keepUp(options, over.signal);
  return {
    stop: () => {
      over.abort();
      return running;
    },
  };
}

async function keepUp(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const { parts, expiry, clock, everyMs = EVERY_MS, sweepEveryMs = SWEEP_EVERY_MS, onFault } = options;
  const planner = createTaskPlanner(parts, {
    pauseMs: everyMs,
    onLook: (pk, { sealedEnd }) => {
      if (sealedEnd === 0) return;
      const nowSeconds = Math.floor(clock.wallMs() / 1_000);
      return removeAll(options, signal, () => expiry.removeHotBelow(pk, { sealedEnd, nowSeconds }));
    },
  });
  let sweptMs = clock.monotonicMs();
  const trying = async (work: () => Promise<void>): Promise<void> => {
    if (signal.aborted) return;
    try {
      await work();
    } catch (cause) {
      if (!signal.aborted) onFault('upkeep failed; it is tried again', cause);
    }
  };
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    await trying(() => maintain(options, planner, signal));
    if (clock.monotonicMs() - sweptMs < sweepEveryMs) continue;
    sweptMs = clock.monotonicMs();
    await trying(async () => {
      const { findings } = await sweepLog(options.parts, {}, newCall(options, signal));
      for (const { name, message } of findings) onFault(`sweep: ${name}`, message);
    });
  }
}

function newCall({ clock }: UpkeepOptions, signal: AbortSignal): Call {
  return { meter: new Meter(), deadlineMs: clock.monotonicMs() + LIMITS.requestMsDefault, signal };
}

/** Plans and does at once what is due, one task after another. */
async function maintain(options: UpkeepOptions, planner: TaskPlanner, signal: AbortSignal): Promise<void> {
  const { expiry, clock, onFault } = options;
  const plan = await planner.plan(newCall(options, signal));
  for (const { topic, partition, reason } of plan.failures) {
    onFault(`partition ${partition} of topic ${topic} could not be looked at`, reason);
  }
  for (const task of plan.tasks) {
    if (signal.aborted) return;
    try {
      await runToEnd(options, task, signal);
    } catch (cause) {
      if (signal.aborted) return;
      onFault(`${task.job} failed for partition ${task.partition} of topic ${task.topic}`, cause);
    }
  }
  const nowSeconds = Math.floor(clock.wallMs() / 1_000);
  await removeAll(options, signal, () => expiry.removeExpired({ nowSeconds }));
}

async function runToEnd(options: UpkeepOptions, task: Task, signal: AbortSignal): Promise<void> {
  const { parts, clock } = options;
  for (let continued = 0; continued <= CONTINUATIONS_MAX && !signal.aborted; continued += 1) {
    const lastStepMs = clock.monotonicMs() + LIMITS.requestMsDefault / 2;
    const outcome = await runTask(parts, task, { lastStepMs, call: newCall(options, signal) });
    if (outcome.kind !== 'unfinished') return;
  }
}

/** A part at a time, so that requests are served in between. */
async function removeAll(
  { clock }: UpkeepOptions,
  signal: AbortSignal,
  removeSome: () => number,
): Promise<void> {
  while (removeSome() === REMOVALS_MAX && !signal.aborted) await clock.sleep(1);
}
