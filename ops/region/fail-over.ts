import type { Output } from '../verify-log.ts';
import { type Api, ApiError } from './api.ts';
import { copiesOf, type UnfinishedCopy, unfinished } from './copies.ts';
import { flowOf } from './flow-of.ts';
import { type LatePosition, latePositions } from './group-positions.ts';
import { changeRegion, type FlowBody, tellFlow, tellRegion } from './region-state.ts';
import { tellLost } from './tell-lost.ts';
import { awaitNone, tellSome, type Waiting } from './waiting.ts';

export interface FailOver extends Waiting {
  /** Alias of the region that is left, in the one that takes over. */
  readonly source: string;
  /** Undefined: it is lost. */
  readonly from: Api | undefined;
  readonly to: Api;
  /** Whether the positions of groups are waited for, too. @default false: those that are missing are told */
  readonly groups?: boolean;
}

/**
 * Freezes the region that is left and waits until everything that it has is in the other one. Whether it is, both regions'
 * own ends say, not what a replicator has noted. Answers whether all of it is.
 */
export async function failOver(work: FailOver, output: Output): Promise<boolean> {
  const { from, to, source } = work;
  const flow = await flowOf(to, source);
  return from === undefined ? tellLost(flow, to, output) : leave(from, flow, work, output);
}

async function leave(from: Api, flow: FlowBody, work: FailOver, output: Output): Promise<boolean> {
  const { to } = work;
  if (flow.state === 'PAUSED') {
    throw new ApiError(
      `the flow from ${flow.source_region} is paused: resume it, otherwise nothing comes over`,
    );
  }
  const region = await changeRegion(from, 'freeze', output);
  tellRegion(from.name, region, output);
  if (region.state !== 'FROZEN' || !region.is_complete) return false;
  const copies = await copiesOf(from, flow);
  const left = await awaitNone(() => unfinished(to, copies), toCome, work, output);
  if (left.length > 0) {
    tellSome(left, missing, 'partitions', output);
    tellFlow(await flowOf(to, flow.source_region), output);
    output.line(`Not all of ${flow.source_region} has come over. It stays frozen: again, or thaw it.`);
    return false;
  }
  const records = copies.reduce((total, { sourceStart, sourceEnd }) => total + sourceEnd - sourceStart, 0);
  const topics = new Set(copies.map(({ topic }) => topic)).size;
  output.line(
    `All of ${flow.source_region} is in ${flow.target_region}: ${topics} topics, ${copies.length} partitions, ${records} offsets, every copy ends where its source does`,
  );
  if (!(await tellPositions(from, flow, work, output))) return false;
  output.line(
    flow.policy === 'identity'
      ? `Consumers may move to ${to.name}; producers, too, once its topics are promoted`
      : `Producers and consumers may move to ${to.name}`,
  );
  return true;
}

/** True unless they are to be waited for and do not come. */
async function tellPositions(
  from: Api,
  flow: FlowBody,
  { to, groups = false, waitMs, sleep }: FailOver,
  output: Output,
): Promise<boolean> {
  const told = (late: readonly LatePosition[]): string => `${late.length} positions are still to come`;
  const waiting = { sleep, waitMs: groups ? waitMs : 0 };
  const late = await awaitNone(() => latePositions(from, to, flow), told, waiting, output);
  if (late.length === 0) {
    output.line(
      `Every position that groups have committed in ${flow.source_region} is in ${flow.target_region}`,
    );
    return true;
  }
  tellSome(late, behind, 'positions', output);
  const where = `${late.length} positions that groups have committed in ${flow.source_region} are not in ${flow.target_region}`;
  output.line(
    groups
      ? `${where}. A group with members there keeps its own. ${flow.source_region} stays frozen: again, or thaw it.`
      : `${where} yet: they come with the next run of the flow (--groups waits for them), or what lies behind is read again`,
  );
  return !groups;
}

export function behind({ group, topic, partition, offset, there }: LatePosition): string {
  return `group ${group}, ${topic}/${partition}: ${offset} has not come over, there is ${there ?? 'none'}`;
}

function toCome(left: readonly UnfinishedCopy[]): string {
  const records = left.reduce((total, one) => total + Math.max(0, one.left), 0);
  return `${records} offsets of ${left.length} partitions are still to come`;
}

export function missing({ topic, copy, partition, left, reason }: UnfinishedCopy): string {
  const why = reason === '' ? '' : `, ${reason}`;
  return `${topic}/${partition} → ${copy}: ${whatIsMissing(left)}${why}`;
}

function whatIsMissing(left: number): string {
  if (left === 0) return 'is not there';
  return left < 0 ? `is ${-left} offsets ahead of its source` : `${left} offsets are missing`;
}
