import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import type { InvokeAnswer } from '../lib/push/push-parts.ts';
import { type PushReport, type PushRunParts, runPush } from '../lib/push/push-runner.ts';
import type { PushSettings } from '../lib/push/push-settings.ts';
import type { Call } from '../lib/storage/call.ts';
import type { Clock } from '../lib/storage/clock.ts';
import { Meter } from '../lib/storage/meter.ts';
import type { Observer } from './observer.ts';

export interface PushFunctionParts {
  /** Undefined: nothing has been created here yet, so there is nothing to push. */
  readonly open: (
    call: Call,
  ) => Promise<Pick<PushRunParts, 'log' | 'groups' | 'codecs' | 'random'> | undefined>;
  /** `signal` is aborted when no answer is waited for any more. */
  readonly invoker: (signal: AbortSignal) => (event: unknown) => Promise<InvokeAnswer>;
  readonly bury: (letter: string) => Promise<void>;
  readonly settings: PushSettings;
  readonly clock: Clock;
  readonly observer: Observer;
}

/** The next run begins a minute after this one: from then on it alone begins calls. */
const RUN_MS = 55_000;
/** The end of the function's time, in which commits, and leaving the group, are done. */
const ANSWER_MS = 15_000;

/**
 * Called by a schedule, once a minute: pushes what there is, and waits a while for more. It fails only as a whole; what is
 * wrong with a partition, or with the function that is called, is counted and told, and tried again.
 */
export function pushFunction(
  parts: PushFunctionParts,
): (event: unknown, context: Context) => Promise<PushReport | undefined> {
  const { open, invoker, bury, settings, clock, observer } = parts;
  return async (_event, context) => {
    const startMs = clock.monotonicMs();
    const leftMs = context.getRemainingTimeInMillis();
    const deadlineMs = startMs + Math.max(leftMs - ANSWER_MS, leftMs / 2);
    const over = new AbortController();
    try {
      const opened = await open({ meter: new Meter(), deadlineMs });
      if (opened === undefined) return undefined;
      const { onFault } = observer;
      const invoke = invoker(over.signal);
      const lastCallMs = Math.min(startMs + RUN_MS, deadlineMs);
      const run = { ...opened, clock, invoke, bury, onFault };
      const report = await runPush(run, settings, { lastCallMs, deadlineMs });
      tell(observer, settings, report);
      return report;
    } catch (error) {
      observer.onFault(error, `pushing for group ${settings.group} failed`);
      throw error;
    } finally {
      over.abort();
    }
  };
}

/** A run that had nothing to do says nothing. */
function tell({ logger, metrics }: Observer, { group }: PushSettings, report: PushReport): void {
  const { failures, deadLetters, moved, faults } = report;
  if (failures + deadLetters + moved + faults === 0) return;
  logger.info('pushed', { group, ...report });
  if (failures > 0) metrics.addMetric('PushFailures', MetricUnit.Count, failures);
  if (deadLetters > 0) metrics.addMetric('PushDeadLetters', MetricUnit.Count, deadLetters);
  if (failures + deadLetters > 0) metrics.publishStoredMetrics();
}
