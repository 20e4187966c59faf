import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import type { TaskPlan, TaskPlanner } from '../lib/segment/tasks/task-planner.ts';
import { encodeTask } from '../lib/segment/tasks/tasks.ts';
import type { Clock } from '../lib/storage/clock.ts';
import { Meter } from '../lib/storage/meter.ts';
import type { Observer } from './observer.ts';

export interface PlanFunctionParts {
  readonly planner: () => Promise<TaskPlanner>;
  readonly send: (messages: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly observer: Observer;
}

export interface PlanReport {
  readonly partitionCount: number;
  readonly taskCount: number;
  readonly failureCount: number;
  readonly isComplete: boolean;
}

/** What sending the tasks is left of the function's time. */
const SENDING_MS = 15_000;

/**
 * Called by a schedule: looks which partitions need something and sends a task for each. It fails only as a whole, and
 * an alarm tells when it has not succeeded for a while; single partitions' failures are counted.
 */
export function planFunction(
  parts: PlanFunctionParts,
): (event: unknown, context: Context) => Promise<PlanReport> {
  const { planner, send, clock, observer } = parts;
  return async (_event, context) => {
    const leftMs = context.getRemainingTimeInMillis();
    const deadlineMs = clock.monotonicMs() + Math.max(leftMs - SENDING_MS, leftMs / 2);
    try {
      const plan = await (await planner()).plan({ meter: new Meter(), deadlineMs });
      await send(plan.tasks.map(encodeTask));
      tell(observer, plan);
      return {
        partitionCount: plan.partitionCount,
        taskCount: plan.tasks.length,
        failureCount: plan.failures.length,
        isComplete: plan.isComplete,
      };
    } catch (error) {
      observer.onFault(error, 'planning failed');
      throw error;
    }
  };
}

/** An idle log says nothing. */
function tell({ logger, metrics }: Observer, plan: TaskPlan): void {
  const { tasks, failures, oldestUnsealedSealAges, unsealedPartitionCount, isComplete } = plan;
  if (tasks.length > 0 || failures.length > 0 || !isComplete) {
    logger.info('planned', { ...plan, tasks: tasks.length, failures: failures.slice(0, 20) });
  }
  if (unsealedPartitionCount > 0) {
    metrics.addMetric('OldestUnsealed', MetricUnit.NoUnit, oldestUnsealedSealAges);
  }
  if (failures.length > 0) metrics.addMetric('JobFailures', MetricUnit.Count, failures.length);
  if (unsealedPartitionCount + failures.length > 0) metrics.publishStoredMetrics();
}
