import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import type { FlowDescription, NewFlow } from '../../flows.ts';
import { storageMs } from '../../group/storage-time.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import type { Condition } from '../../storage/table.ts';
import { checkedFlow, checkRelays } from './check-flow.ts';
import { FLOWS_KEY, type Flow, flowToItem } from './flow-item.ts';
import { changeFlow, listFlows, readFlow, unknownFlow } from './flow-store.ts';
import { progressOf, readStatuses, statusKey } from './status-item.ts';

export interface FlowsParts {
  readonly target: Pick<EngineParts, 'catalog' | 'clock' | 'random' | 'codecs'>;
  /** Alias of the target. */
  readonly region: string;
  /** Whose answer is only looked at for whether there is such a region. */
  readonly sources: (alias: string) => Promise<object | undefined>;
}

const REMOVALS_PER_PAGE = 100;
const TRIES_MAX = 8;

export async function createFlow(parts: FlowsParts, wanted: NewFlow, call: Call): Promise<FlowDescription> {
  const { target, region, sources } = parts;
  const checked = await checkedFlow(wanted, region);
  await checkKnown(sources, [checked.source, ...checked.relays]);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { flow: before, observation } = await readFlow(target, checked.source, call);
    if (before !== undefined && before.state !== 'deleted') throw alreadyThere(checked.source);
    const flow: Flow = {
      ...checked,
      id: target.random.id(),
      hasBegun: false,
      state: 'running',
      createdMs: storageMs(observation),
      version: target.random.id(),
    };
    const condition: Condition =
      before === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: before.version };
    const fences = [{ observation, ageMsMax: LIMITS.topicCreationAgeMsMax }];
    const result = await target.catalog.put(flowToItem(flow), { condition, fences }, call);
    if (result.stored) return description(parts, flow, call);
  }
  throw alreadyThere(checked.source);
}

async function checkKnown(sources: FlowsParts['sources'], aliases: readonly string[]): Promise<void> {
  for (const alias of aliases) {
    if ((await sources(alias)) !== undefined) continue;
    throw new MillraceError('INVALID_REQUEST', `This deployment knows no region '${alias}'`);
  }
}

export async function listAllFlows(parts: FlowsParts, call: Call): Promise<readonly FlowDescription[]> {
  const flows = await listFlows(parts.target, call);
  return Promise.all(flows.map((flow) => description(parts, flow, call)));
}

export async function describeFlow(parts: FlowsParts, source: string, call: Call): Promise<FlowDescription> {
  const { flow } = await readFlow(parts.target, source, call);
  if (flow === undefined || flow.state === 'deleted') throw unknownFlow(source);
  return description(parts, flow, call);
}

export async function setFlowState(
  parts: FlowsParts,
  source: string,
  state: 'running' | 'paused',
  call: Call,
): Promise<FlowDescription> {
  const change = (flow: Flow): Flow => (flow.state === state ? flow : { ...flow, state });
  return description(parts, await changeFlow(parts.target, source, change, call), call);
}

export async function setFlowRelays(
  parts: FlowsParts,
  source: string,
  relays: readonly string[],
  call: Call,
): Promise<FlowDescription> {
  const { target, region, sources } = parts;
  const change = (flow: Flow): Flow => {
    checkRelays({ ...flow, relays }, region);
    return isSame(flow.relays, relays) ? flow : { ...flow, relays };
  };
  const { flow } = await readFlow(target, source, call);
  if (flow === undefined || flow.state === 'deleted') throw unknownFlow(source);
  change(flow);
  await checkKnown(sources, relays);
  return description(parts, await changeFlow(target, source, change, call), call);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

/** The item stays for a day as one of a deleted flow; what was noted about it goes. */
export async function deleteFlow({ target }: FlowsParts, source: string, call: Call): Promise<void> {
  const expiresAtSeconds = Math.ceil((target.clock.wallMs() + LIMITS.deletedTopicLifeMs) / 1_000);
  await changeFlow(target, source, (flow) => ({ ...flow, state: 'deleted', expiresAtSeconds }), call);
  await removeNotes(target, statusKey(source, 0).sk.slice(0, -1), call);
}

/** Of a flow that is deleted: what is left behind here counts for no other. */
async function removeNotes({ catalog }: FlowsParts['target'], prefix: string, call: Call): Promise<void> {
  const range = { from: prefix, to: `${prefix.slice(0, -1)}$`, limit: REMOVALS_PER_PAGE, consistent: true };
  let after: string | undefined;
  for (;;) {
    const page = await catalog.query(FLOWS_KEY, after === undefined ? range : { ...range, after }, call);
    for (const { pk, sk, version } of page.items)
      await catalog.delete({ pk, sk }, { ifVersion: version }, call);
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

async function description(parts: FlowsParts, flow: Flow, call: Call): Promise<FlowDescription> {
  const progress = progressOf(await readStatuses(parts.target, flow, call));
  const { source, policy, separator, topics, topicsExclude, groups, groupsExclude, start, relays } = flow;
  return {
    ...{ source, policy, separator, topics, topicsExclude, groups, groupsExclude, start, relays },
    createdMs: flow.createdMs,
    target: parts.region,
    state: flow.state === 'paused' ? 'PAUSED' : 'RUNNING',
    ...(progress === undefined ? {} : { progress }),
  };
}

function alreadyThere(source: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', `A flow from region '${source}' is here already`);
}
