import type { FlowPolicy, FlowStart } from '../../flows.ts';
import { StorageFault } from '../../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { AttributeValue, Item, Key } from '../../storage/table.ts';

/** A flow as it is stored in its target. There is one for each source, known by the source's alias. */
export interface Flow {
  readonly source: string;
  /** Random, of this flow alone: what was noted for one of the same source that was deleted does not count for it. */
  readonly id: string;
  readonly policy: FlowPolicy;
  readonly separator: string;
  readonly topics: readonly string[];
  readonly topicsExclude: readonly string[];
  readonly groups: readonly string[];
  readonly groupsExclude: readonly string[];
  readonly start: FlowStart;
  readonly relays: readonly string[];
  /** Whether it is known which topics were there when it began; those that come later are copied from their beginning. */
  readonly hasBegun: boolean;
  /** `deleted`: the item stays for a day, so that no late retry of a creation finds nothing in its way. */
  readonly state: 'running' | 'paused' | 'deleted';
  /** Milliseconds since 1970, by storage's clock. */
  readonly createdMs: number;
  readonly expiresAtSeconds?: number;
  readonly version: string;
}

/** pk of everything that is stored about flows. */
export const FLOWS_KEY = 'flows';
export const FLOW_PREFIX = 'flow#';

export function flowKey(source: string): Key<string> {
  return { pk: FLOWS_KEY, sk: `${FLOW_PREFIX}${source}` };
}

/*
 * Item layout in the catalog: pk = flows, sk = flow#<alias of the source>, and
 *
 *   f  format number   i  id   p  policy   s  separator   c  created ms
 *   t, y  patterns of topics, and of those left out      g, h  of groups, and of those left out
 *   a  start: 'earliest', 'latest', 'promotion', ['t', ms] or ['o', offset]
 *   r  regions that are relayed, if there are any
 *   b  1 once it has begun   d  1 while it is paused, 2 once it is deleted
 */
export function flowToItem(flow: Flow): Item<string> {
  return {
    ...flowKey(flow.source),
    version: flow.version,
    ...(flow.expiresAtSeconds === undefined ? {} : { expiresAtSeconds: flow.expiresAtSeconds }),
    attributes: {
      f: ITEM_FORMAT,
      i: flow.id,
      p: flow.policy,
      s: flow.separator,
      c: flow.createdMs,
      t: flow.topics,
      y: flow.topicsExclude,
      g: flow.groups,
      h: flow.groupsExclude,
      a: startToValue(flow.start),
      ...(flow.relays.length === 0 ? {} : { r: flow.relays }),
      ...(flow.hasBegun ? { b: 1 } : {}),
      ...(flow.state === 'running' ? {} : { d: flow.state === 'paused' ? 1 : 2 }),
    },
  };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function flowFromItem(item: Item<string>): Flow {
  const read = new ItemReader('flow', item);
  const damaged = (what: string): never => {
    throw new StorageFault('damaged', `flow item ${item.sk}: ${what}`);
  };
  const texts = (name: string): readonly string[] =>
    read.list(name).map((text) => (typeof text === 'string' ? text : damaged(`'${name}' holds no texts`)));
  const policy = read.string('p');
  return {
    source: item.sk.slice(FLOW_PREFIX.length),
    id: read.string('i'),
    policy: isFlowPolicy(policy) ? policy : damaged(`no policy '${policy}'`),
    separator: read.string('s'),
    createdMs: read.number('c'),
    topics: texts('t'),
    topicsExclude: texts('y'),
    groups: texts('g'),
    groupsExclude: texts('h'),
    start: startFromValue(item.attributes.a) ?? damaged('no start'),
    relays: read.has('r') ? texts('r') : [],
    hasBegun: read.has('b'),
    state: !read.has('d') ? 'running' : read.number('d') === 1 ? 'paused' : 'deleted',
    version: item.version,
  };
}

export function isFlowPolicy(name: string): name is FlowPolicy {
  return name === 'prefixed' || name === 'identity' || name === 'merged';
}

function startToValue(start: FlowStart): AttributeValue {
  if (typeof start === 'string') return start;
  return 'offset' in start ? ['o', start.offset] : ['t', start.timestampMs];
}

function startFromValue(value: AttributeValue | undefined): FlowStart | undefined {
  if (value === 'earliest' || value === 'latest' || value === 'promotion') return value;
  if (!Array.isArray(value)) return undefined;
  const [kind, number]: readonly AttributeValue[] = value;
  if (typeof number !== 'number') return undefined;
  if (kind === 'o') return { offset: number };
  return kind === 't' ? { timestampMs: number } : undefined;
}
