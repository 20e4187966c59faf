import type { EngineParts } from '../../engine-parts.ts';
import { MillraceError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Call } from '../../storage/call.ts';
import type { Observation } from '../../storage/observation.ts';
import { FLOW_PREFIX, FLOWS_KEY, type Flow, flowFromItem, flowKey, flowToItem } from './flow-item.ts';

type Dependencies = Pick<EngineParts, 'catalog' | 'random'>;

/** Others that may change a flow at the same time before a change of it is given up. */
const TRIES_MAX = 8;
/** Sorts behind every alias. */
const FLOW_PREFIX_END = 'flow$';

/** Deleted ones included. Consistent. */
export async function readFlow(
  { catalog }: Pick<Dependencies, 'catalog'>,
  source: string,
  call: Call,
): Promise<{ readonly flow: Flow | undefined; readonly observation: Observation }> {
  const { item, observation } = await catalog.get(flowKey(source), { consistent: true }, call);
  return { flow: item === undefined ? undefined : flowFromItem(item), observation };
}

/** Those that are not deleted, by source. */
export async function listFlows(
  { catalog }: Pick<Dependencies, 'catalog'>,
  call: Call,
): Promise<readonly Flow[]> {
  const flows: Flow[] = [];
  let after: string | undefined;
  for (;;) {
    const range = { from: FLOW_PREFIX, to: FLOW_PREFIX_END, limit: LIMITS.regionsMax, consistent: true };
    const page = await catalog.query(FLOWS_KEY, after === undefined ? range : { ...range, after }, call);
    flows.push(...page.items.map(flowFromItem).filter(({ state }) => state !== 'deleted'));
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return flows;
  }
}

/** Changes a flow that is not deleted; what leaves it as it is stores nothing. UNKNOWN_FLOW. */
export async function changeFlow(
  deps: Dependencies,
  source: string,
  change: (flow: Flow) => Flow,
  call: Call,
): Promise<Flow> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { flow } = await readFlow(deps, source, call);
    if (flow === undefined || flow.state === 'deleted') throw unknownFlow(source);
    const changed = change(flow);
    if (changed === flow) return flow;
    const stored = { ...changed, version: deps.random.id() };
    const condition = { kind: 'ifVersion', version: flow.version } as const;
    const result = await deps.catalog.put(flowToItem(stored), { condition }, call);
    if (result.stored) return stored;
  }
  throw new MillraceError(
    'REQUEST_TIMED_OUT',
    `The flow from '${source}' is being changed by others; try again`,
  );
}

export function unknownFlow(source: string): MillraceError {
  return new MillraceError('UNKNOWN_FLOW', `No flow copies from region '${source}'`);
}
