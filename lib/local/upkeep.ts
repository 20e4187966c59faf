import { type Expiry, REMOVALS_MAX } from '../adapters/sqlite/expiry.ts';
import { MillraceError } from '../errors.ts';
import type { JobReport } from '../jobs.ts';
import { LIMITS } from '../limits.ts';
import { openMaintenance, sweepLog } from '../maintenance.ts';
import type { EngineParts } from '../partition/partitions.ts';
import { sealDue } from '../segment/maintenance.ts';
import { TASK_JOBS, type TaskJob } from '../segment/tasks.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import { Meter } from '../storage/meter.ts';
import { TopicCatalog } from '../topic/topic-catalog.ts';

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
/** Sealing goes first, on its own: what has been sealed tells what may be removed from the hot table. */
const ROUTINE_JOBS: readonly TaskJob[] = TASK_JOBS.filter((job) => job !== 'seal');

/**
 * What scheduled functions do on AWS: seals what is due, brings every topic within its policy, sweeps now and then, and
 * removes what has expired. ⚑ Of the hot table only what lies below a sealed end.
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
  const { clock, everyMs = EVERY_MS, sweepEveryMs = SWEEP_EVERY_MS, onFault } = options;
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
    await trying(() => sealAndExpire(options, signal));
    await trying(() => runRoutine(options, signal));
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

async function runRoutine(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const { parts, onFault } = options;
  const maintenance = openMaintenance(parts);
  const topics = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  for (const { name } of await topics.list(newCall(options, signal))) {
    for (const job of ROUTINE_JOBS) {
      if (signal.aborted) return;
      const { findings } = await maintenance.run(job, name, newCall(options, signal)).catch(noneIfGone);
      for (const { partition, message } of findings) {
        onFault(`${job} failed for partition ${partition} of topic ${name}`, message);
      }
    }
  }
}

/** The topic has been deleted meanwhile. */
function noneIfGone(error: unknown): Pick<JobReport, 'findings'> {
  if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return { findings: [] };
  throw error;
}

async function sealAndExpire(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const { parts, expiry, clock, onFault } = options;
  const nowSeconds = Math.floor(clock.wallMs() / 1_000);
  const call = newCall(options, signal);
  const report = await sealDue(
    parts,
    {
      onSealedEnd: (pk, sealedEnd) => {
        if (sealedEnd > 0) return removeAll(() => expiry.removeHotBelow(pk, { sealedEnd, nowSeconds }));
      },
    },
    call,
  );
  for (const { topic, partition, reason } of report.failures) {
    onFault(`partition ${partition} of topic ${topic} could not be sealed`, reason);
  }
  await removeAll(() => expiry.removeExpired({ nowSeconds }));

  /** A part at a time, so that requests are served in between. */
  async function removeAll(removeSome: () => number): Promise<void> {
    while (removeSome() === REMOVALS_MAX && !signal.aborted) await clock.sleep(1);
  }
}
