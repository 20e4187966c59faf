import { LIMITS } from '../limits.ts';
import type { FlowRunParts } from '../replication/flow-run.ts';
import { listFlows } from '../replication/flows/flow-store.ts';
import { runFlow } from '../replication/replicator.ts';
import { Meter } from '../storage/meter.ts';

export interface Replication {
  /** Ends it; runs end after the steps that they are at. */
  stop(): Promise<void>;
}

/** How soon a flow is taken up that was created, resumed or has been idle. */
const EVERY_MS = 1_000;
const IDLE_MS = 60_000;
/** Runs are begun anew now and then, so that nothing that they keep in mind grows old. */
const RUN_MS = 3_600_000;

/** What the replicator function does on AWS: runs every flow into this node's region that is not paused. */
export function startReplication(parts: FlowRunParts): Replication {
  const over = new AbortController();
  const running = keepRunning(parts, over.signal);
  return {
    stop: () => {
      over.abort();
      return running;
    },
  };
}

async function keepRunning(parts: FlowRunParts, signal: AbortSignal): Promise<void> {
  const { target, onFault } = parts;
  const { clock } = target;
  const runs = new Map<string, Promise<void>>();
  const run = async (source: string): Promise<void> => {
    try {
      const deadlineMs = clock.monotonicMs() + RUN_MS;
      await runFlow(parts, source, { idleMs: IDLE_MS, deadlineMs, signal });
    } catch (cause) {
      onFault(cause, `the flow from '${source}' failed; it is tried again`);
    }
    runs.delete(source);
  };
  while (!signal.aborted) {
    try {
      const call = { meter: new Meter(), deadlineMs: clock.monotonicMs() + LIMITS.requestMsDefault };
      const flows = await listFlows(target, call);
      for (const { source, state } of flows) {
        if (state === 'running' && !runs.has(source)) runs.set(source, run(source));
      }
    } catch (cause) {
      onFault(cause, 'the flows could not be listed; it is tried again');
    }
    await clock.sleep(EVERY_MS, signal).catch(() => undefined);
  }
  await Promise.all(runs.values());
}
