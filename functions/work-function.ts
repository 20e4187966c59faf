import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { EngineParts } from '../lib/engine-parts.ts';
import { runTask, type TaskOutcome } from '../lib/segment/tasks/run-task.ts';
import { continuedTask, encodeTask, parseTask, type Task } from '../lib/segment/tasks/tasks.ts';
import type { Clock } from '../lib/storage/clock.ts';
import { Meter } from '../lib/storage/meter.ts';
import type { Observer } from './observer.ts';

export interface WorkFunctionParts {
  readonly engine: () => Promise<EngineParts>;
  /** Sends unfinished tasks on. */
  readonly send: (messages: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly observer: Observer;
}

/** A step of a job takes seconds, and half a step is lost work: none begins in this last part of the function's time. */
const LAST_SHARE = 0.4;
const LAST_MS_MAX = 120_000;
/** What storage may not use of the function's time, so that what is unfinished can still be sent on. */
const ANSWER_MS = 5_000;

/**
 * Called by the queue with some tasks, which it runs one after another. A task that fails, or a message that is none,
 * goes back to the queue, which passes it to the dead letters when that has happened too often; the others are done.
 */
export function workFunction(
  parts: WorkFunctionParts,
): (event: SQSEvent, context: Context) => Promise<SQSBatchResponse> {
  const { engine, clock, observer } = parts;
  return async ({ Records: records }, context) => {
    const leftMs = context.getRemainingTimeInMillis();
    const nowMs = clock.monotonicMs();
    const lastStepMs = nowMs + leftMs - Math.min(leftMs * LAST_SHARE, LAST_MS_MAX);
    const deadlineMs = nowMs + Math.max(leftMs - ANSWER_MS, leftMs / 2);
    const failed: SQSRecord[] = [];
    for (const record of records) {
      try {
        const task = taskOf(record);
        const time = { lastStepMs, call: { meter: new Meter(), deadlineMs } };
        const outcome = await runUntil(time.lastStepMs, () =>
          engine().then((own) => runTask(own, task, time)),
        );
        if (outcome.kind === 'unfinished') await parts.send([encodeTask(continuedTask(task))]);
        if (outcome.kind === 'notBegun') await parts.send([encodeTask(task)]);
        tell(observer, task, outcome);
      } catch (error) {
        observer.onFault(error, `message ${record.messageId} failed: ${record.body.slice(0, 500)}`);
        failed.push(record);
      }
    }
    if (failed.length > 0) {
      observer.metrics.addMetric('JobFailures', MetricUnit.Count, failed.length);
      observer.metrics.publishStoredMetrics();
    }
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };

  async function runUntil(
    lastStepMs: number,
    run: () => Promise<TaskOutcome>,
  ): Promise<TaskOutcome | { readonly kind: 'notBegun' }> {
    return clock.monotonicMs() < lastStepMs ? run() : { kind: 'notBegun' };
  }
}

function taskOf(record: SQSRecord): Task {
  const parsed = parseTask(record.body);
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return parsed.task;
}

/** A task that found nothing to do says nothing. */
function tell(
  { logger, metrics }: Observer,
  task: Task,
  outcome: TaskOutcome | { readonly kind: 'notBegun' },
): void {
  const counts = outcome.kind === 'done' || outcome.kind === 'unfinished' ? outcome.counts : {};
  const isEmpty = outcome.kind !== 'unfinished' && Object.values(counts).every((count) => count === 0);
  if (!isEmpty) logger.info('ran', { ...task, outcome: outcome.kind, ...counts });
  // ⚑ A gap in a hot chain: nobody passes over it, and somebody has to mend it.
  if (!counts.gapCount) return;
  metrics.addMetric('Incidents', MetricUnit.Count, counts.gapCount);
  metrics.publishStoredMetrics();
}
