import type { Output } from '../verify-log.ts';
import { type Api, ApiError } from './api.ts';
import { type CopyOf, copiesOf, unfinished } from './copies.ts';
import { changeRegion, type FlowBody, tellFlow, tellRegion } from './region-state.ts';

export interface FailOver {
  /** Alias of the region that is left, in the one that takes over. */
  readonly source: string;
  /** Undefined: it is lost. */
  readonly from: Api | undefined;
  readonly to: Api;
  readonly waitMs: number;
  readonly sleep: (ms: number) => Promise<void>;
}

const LOOK_MS = 1_000;
const TOLD_MAX = 20;

/**
 * Freezes the region that is left and waits until everything that it has is in the other one. Whether it is, both regions'
 * own ends say, not what a replicator has noted. Answers whether all of it is.
 */
export async function failOver(work: FailOver, output: Output): Promise<boolean> {
  const { from, to, source } = work;
  const flow = await flowOf(to, source);
  return from === undefined ? tellLost(flow, output) : leave(from, flow, work, output);
}

async function flowOf(to: Api, source: string): Promise<FlowBody> {
  try {
    return await to.v3<FlowBody>('GET', `/flows/${encodeURIComponent(source)}`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    throw new ApiError(`nothing is copied from ${source} to ${to.name}: ${error.message}`, { cause: error });
  }
}

async function leave(from: Api, flow: FlowBody, work: FailOver, output: Output): Promise<boolean> {
  if (flow.state === 'PAUSED') {
    throw new ApiError(
      `the flow from ${flow.source_region} is paused: resume it, otherwise nothing comes over`,
    );
  }
  if (flow.policy === 'merged') {
    throw new ApiError(
      'offsets of merged topics differ by region: freeze, and wait until status says 0 records behind',
    );
  }
  const region = await changeRegion(from, 'freeze', output);
  tellRegion(from.name, region, output);
  if (region.state !== 'FROZEN' || !region.is_complete) return false;
  const copies = await copiesOf(from, flow);
  const left = await awaited(copies, work, output);
  if (left.length > 0) {
    tellLeft(left, output);
    tellFlow(await flowOf(work.to, flow.source_region), output);
    output.line(`Not all of ${flow.source_region} has come over. It stays frozen: again, or thaw it.`);
    return false;
  }
  const records = copies.reduce((total, { sourceStart, sourceEnd }) => total + sourceEnd - sourceStart, 0);
  const topics = new Set(copies.map(({ topic }) => topic)).size;
  output.line(
    `All of ${flow.source_region} is in ${flow.target_region}: ${topics} topics, ${copies.length} partitions, ${records} offsets, every copy ends where its source does`,
  );
  output.line(`Producers and consumers may move to ${work.to.name}`);
  return true;
}

async function awaited(
  copies: readonly CopyOf[],
  { to, waitMs, sleep }: FailOver,
  { progress }: Output,
): Promise<Awaited<ReturnType<typeof unfinished>>> {
  let told = '';
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    const left = await unfinished(to, copies);
    if (left.length === 0 || waitedMs >= waitMs) return left;
    const records = left.reduce((total, one) => total + Math.max(0, one.left), 0);
    const text = `${records} offsets of ${left.length} partitions are still to come`;
    if (text !== told) progress(text);
    told = text;
    await sleep(LOOK_MS);
  }
}

function tellLeft(left: Awaited<ReturnType<typeof unfinished>>, { line }: Output): void {
  for (const { topic, copy, partition, left: count } of left.slice(0, TOLD_MAX)) {
    const what = count < 0 ? `is ${-count} offsets ahead of its source` : `${count} offsets are missing`;
    line(`${topic}/${partition} → ${copy}: ${what}`);
  }
  if (left.length > TOLD_MAX) line(`… and ${left.length - TOLD_MAX} more partitions`);
}

/** What was not copied can only be told as of the last note. */
function tellLost(flow: FlowBody, output: Output): boolean {
  tellFlow(flow, output);
  const lag = flow.progress?.lag_records ?? null;
  output.line(
    lag === 0
      ? `Nothing was missing when this was noted. What ${flow.source_region} took later comes when it is back`
      : `What ${flow.source_region} has and this region has not comes when it is back: freeze it then before anybody writes to it`,
  );
  output.line('Producers and consumers may move; consumers read the copies');
  return lag === 0;
}
