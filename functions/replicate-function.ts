import { MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import { MillraceError } from '../lib/errors.ts';
import type { FlowDescription, Flows, NewFlow } from '../lib/flows.ts';
import type { FlowRun, FlowRunTime, TopicGap } from '../lib/replication/flow-run.ts';
import type { Call } from '../lib/storage/call.ts';
import type { Clock } from '../lib/storage/clock.ts';
import { Meter } from '../lib/storage/meter.ts';
import { flowHealth } from './flow-health.ts';
import type { Observer } from './observer.ts';

export interface Replication {
  readonly flows: Flows;
  readonly run: (source: string, time: FlowRunTime) => Promise<FlowRun>;
  /** Whether topics here were promoted from that region. */
  readonly wasPromoted: (source: string, call: Call) => Promise<boolean>;
}

export interface ReplicateFunctionParts {
  readonly open: () => Promise<Replication>;
  /** Flows that the deployment asks for: made if they are not there. */
  readonly declared: readonly NewFlow[];
  readonly clock: Clock;
  readonly observer: Observer;
}

/** From a wake signal: the region that has something to copy. Else the schedule's. */
export interface ReplicateEvent {
  readonly wake?: string;
}

/** A flow that has copied something waits this long for more: longer than wake signals are held back. */
const LINGER_MS = 20_000;
/**
 * One that was woken looks for this long: what a copy writes wakes those that copy the other way, for nothing. ⚑ Longer than
 * wake signals are held back, too: what has come meanwhile is seen by the run that the last one has begun.
 */
export const WOKEN_MS = 3_000;
/** The end of the function's time, in which what is under way ends and is noted. */
const ANSWER_MS = 15_000;
const CALL_MS = 20_000;

/**
 * Called by a schedule for all flows, and by a wake signal for one. Runs that overlap are harmless: the lease lets one of
 * them copy, and the target's own chain decides what is stored. Fails if a flow could not be run at all.
 */
export function replicateFunction(
  parts: ReplicateFunctionParts,
): (event: ReplicateEvent, context: Context) => Promise<Readonly<Record<string, FlowRun['ended']>>> {
  const { open, declared, clock, observer } = parts;
  let areDeclared = false;

  return async ({ wake }, context) => {
    const leftMs = context.getRemainingTimeInMillis();
    const deadlineMs = clock.monotonicMs() + Math.max(leftMs - ANSWER_MS, leftMs / 2);
    const call = (): Call => ({ meter: new Meter(), deadlineMs: clock.monotonicMs() + CALL_MS });
    try {
      const { flows, run, wasPromoted } = await open();
      if (!areDeclared) await declare({ flows, wasPromoted }, declared, call());
      areDeclared = true;
      // Whoever is woken begins at once: a run finds out by itself whether there is such a flow.
      const sources = wake === undefined ? await runningFlows(flows, call()) : [wake];
      const ends = await Promise.all(
        sources.map(async (source) => {
          const end = await runUntilIdle(run, source, { deadlineMs, isWoken: wake !== undefined });
          return [source, end] as const;
        }),
      );
      // Once a minute is enough to be told, and the schedule's call comes back also when somebody else copies.
      if (wake === undefined) tell(await flows.list(call()));
      return Object.fromEntries(ends);
    } catch (error) {
      observer.onFault(error, 'copying from other regions failed');
      throw error;
    }
  };

  /** While nothing happens a run is short: it looks and ends. */
  async function runUntilIdle(
    run: Replication['run'],
    source: string,
    { deadlineMs, isWoken }: { readonly deadlineMs: number; readonly isWoken: boolean },
  ): Promise<FlowRun['ended']> {
    const looked = await run(source, { idleMs: isWoken ? WOKEN_MS : 0, deadlineMs });
    tellGaps(source, looked.gaps);
    if (looked.ended !== 'idle' || looked.copiedRecords === 0) return looked.ended;
    const lingered = await run(source, { idleMs: LINGER_MS, deadlineMs });
    tellGaps(source, lingered.gaps);
    return lingered.ended;
  }

  /** Once, by whoever has met them: what the source has trimmed does not come any more. */
  function tellGaps(source: string, gaps: readonly TopicGap[]): void {
    if (gaps.length === 0) return;
    const { metrics, logger } = observer;
    metrics.addMetric('FlowGaps', MetricUnit.Count, gaps.length);
    metrics.publishStoredMetrics();
    logger.warn('trimmed before it was copied', { source, gaps: gaps.slice(0, 50) });
  }

  function tell(flows: readonly FlowDescription[]): void {
    const health = flowHealth(flows, clock.wallMs());
    if (health === undefined) return;
    const { metrics } = observer;
    const { lagSeconds } = health;
    if (lagSeconds !== undefined) metrics.addMetric('FlowLagSeconds', MetricUnit.Seconds, lagSeconds);
    if (health.lagRecords >= 0) metrics.addMetric('FlowLagRecords', MetricUnit.Count, health.lagRecords);
    metrics.addMetric('FlowTopicsStopped', MetricUnit.Count, health.stopped.length);
    metrics.publishStoredMetrics();
    if (health.stopped.length > 0)
      observer.logger.warn('not copied', { topics: health.stopped.slice(0, 50) });
  }
}

async function runningFlows(flows: Flows, call: Call): Promise<readonly string[]> {
  const all = await flows.list(call);
  return all.filter(({ state }) => state === 'RUNNING').map(({ source }) => source);
}

/**
 * A flow that is there is left as it is, whatever it looks like: who has changed it knows why. ⚑ One whose copies were promoted
 * has ended: it would be in the way of those who bring the rest, and of what is made anew.
 */
async function declare(
  { flows, wasPromoted }: Pick<Replication, 'flows' | 'wasPromoted'>,
  declared: readonly NewFlow[],
  call: Call,
): Promise<void> {
  const there = new Set((await flows.list(call)).map(({ source }) => source));
  for (const flow of declared) {
    if (there.has(flow.source)) continue;
    if (flow.policy === 'identity' && (await wasPromoted(flow.source, call))) continue;
    await flows.create(flow, call).catch(async (error: unknown) => {
      // Another process may have been faster.
      if (!(error instanceof MillraceError)) throw error;
      await flows.describe(flow.source, call).catch(() => {
        throw error;
      });
    });
  }
}
