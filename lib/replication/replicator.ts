import { MillraceError } from '../errors.ts';
import type { FlowRun, FlowRunEnd, FlowRunParts, FlowRunTime, FlowShare } from './flow-run.ts';
import { readFlow } from './flows/flow-store.ts';
import { giveUpLease, leaseSortKey, waitForLease } from './lease.ts';
import { openNotes } from './notes.ts';
import { LAST_MS, newCall, Run, STEP_MS } from './run.ts';

const ALL: FlowShare = { index: 0, count: 1 };
/**
 * Runs a flow until there is nothing to be copied, or its time is up: topics follow those of the source, and every
 * partition is copied from where its copy ends. It may be cut off anywhere and run by any number of processes: what it
 * keeps in mind are hints. Throws `StorageFault` if the target fails before anything has begun.
 */
export async function runFlow(parts: FlowRunParts, source: string, time: FlowRunTime): Promise<FlowRun> {
  const { target, sources, onFault } = parts;
  const { share = ALL } = time;
  const firstCall = newCall(target, time.deadlineMs, STEP_MS);
  const { flow } = await readFlow(target, source, firstCall);
  if (flow === undefined || flow.state === 'deleted') return nothing('noFlow');
  if (flow.state === 'paused') return nothing('paused');
  const engine = await sources(source);
  if (engine === undefined) {
    onFault(
      new MillraceError('INVALID_REQUEST', `No such region: '${source}'`),
      `the flow from '${source}' cannot run`,
    );
    return nothing('unreachable');
  }
  const wanted = { sk: leaseSortKey(source, share), holder: target.random.id() };
  const answer = await waitForLease(target, wanted, time);
  if (answer.kind === 'held') return nothing('held');
  const { lease } = answer;
  const notes = await openNotes(target, flow, share.index, firstCall).catch(async (fault: unknown) => {
    // What has gone wrong first is told; a lease that cannot be given up runs out.
    await giveUpLease(target, lease, newCall(target, time.deadlineMs, LAST_MS)).catch(() => undefined);
    throw fault;
  });
  const region = { alias: source, parts: engine };
  return new Run(parts, { flow, region, lease, notes, time, share }).run();
}

function nothing(ended: FlowRunEnd): FlowRun {
  return { ended, copiedRecords: 0, copiedBytes: 0, gaps: [] };
}
