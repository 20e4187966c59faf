import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import type { EngineParts } from '../lib/engine-parts.ts';
import { expireGroups, type GroupExpiryReport } from '../lib/group/ending/expire-groups.ts';
import { type RemovalReport, removeDeletedTopics } from '../lib/segment/sweep/delete-topic.ts';
import { type SweepReport, sweepOnce } from '../lib/segment/sweep/sweep.ts';
import type { Call } from '../lib/storage/call.ts';
import type { Clock } from '../lib/storage/clock.ts';
import { Meter } from '../lib/storage/meter.ts';
import type { Observer } from './observer.ts';

export interface SweepFunctionParts {
  readonly engine: () => Promise<EngineParts>;
  readonly clock: Clock;
  readonly observer: Observer;
}

export interface SweepFunctionReport {
  readonly topics: RemovalReport;
  /** Absent where only deleted topics were asked for. */
  readonly swept?: SweepReport;
  readonly groups?: GroupExpiryReport;
}

/** The end of the function's time, which is left for its answer. */
const ANSWER_MS = 10_000;

/**
 * Called by two schedules: every time it removes what deleted topics have left; `{"job": "sweep"}` also deletes the objects
 * that nothing refers to, groups that nobody has been in for a week, and what deleted ones have left. Where time is short the next call goes on. What looks wrong is counted as a finding.
 */
export function sweepFunction(
  parts: SweepFunctionParts,
): (event: unknown, context: Context) => Promise<SweepFunctionReport> {
  const { engine, clock, observer } = parts;
  return async (event, context) => {
    const leftMs = context.getRemainingTimeInMillis();
    const deadlineMs = clock.monotonicMs() + Math.max(leftMs - ANSWER_MS, leftMs / 2);
    const call = { meter: new Meter(), deadlineMs };
    try {
      const own = await engine();
      const topics = await removeDeletedTopics(own, { leavesToExpiry: true }, call);
      const report = wantsSweep(event) ? { topics, ...(await sweepAll(own, call)) } : { topics };
      tell(observer, report);
      return report;
    } catch (error) {
      observer.onFault(error, 'sweeping failed');
      observer.metrics.addMetric('JobFailures', MetricUnit.Count, 1);
      observer.metrics.publishStoredMetrics();
      throw error;
    }
  };
}

/** Of the time for groups, which are looked at first: a sweep takes all there is. */
const GROUPS_SHARE = 0.25;

async function sweepAll(
  own: EngineParts,
  call: Call,
): Promise<{ readonly groups: GroupExpiryReport; readonly swept: SweepReport }> {
  const nowMs = own.clock.monotonicMs();
  const deadlineMs = nowMs + (call.deadlineMs - nowMs) * GROUPS_SHARE;
  const groups = await expireGroups(own, { ...call, deadlineMs });
  return { groups, swept: await sweepOnce(own, {}, call) };
}

function wantsSweep(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'job' in event && event.job === 'sweep';
}

/** A run that found nothing to do says nothing. */
function tell({ logger, metrics }: Observer, { topics, swept, groups }: SweepFunctionReport): void {
  const { resumedCount, removedCount, removedItemCount, removedObjectCount } = topics;
  const removed = resumedCount + removedCount + removedItemCount + removedObjectCount;
  const ofGroups = groups?.failures.length ?? 0;
  const findings = ofGroups + (swept === undefined ? 0 : swept.failures.length + swept.foreign.count);
  const expired = (groups?.expiredCount ?? 0) + (groups?.removedOffsetCount ?? 0);
  const deleted = swept?.deletedCount ?? 0;
  const isIdle = removed + findings + expired + deleted === 0 && topics.isComplete;
  if (!isIdle || swept?.isComplete === false || groups?.isComplete === false) {
    logger.info('swept', { topics, groups, ...swept, failures: swept?.failures.slice(0, 20) });
  }
  if (findings === 0) return;
  metrics.addMetric('SweepFindings', MetricUnit.Count, findings);
  metrics.publishStoredMetrics();
}
