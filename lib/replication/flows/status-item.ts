import type { EngineParts } from '../../engine-parts.ts';
import type { FlowProgress, TopicProgress } from '../../flows.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import type { Item, Key } from '../../storage/table.ts';
import type { FlowShare } from '../flow-run.ts';
import { FLOWS_KEY, type Flow } from './flow-item.ts';

/** When the copies were last held against their source, each of them, and which topics those were. */
export interface Looked {
  /** Storage's clock, ms. */
  readonly ms: number;
  /** A hash of their ids in both regions. */
  readonly topics: string;
}

export const NEVER_LOOKED: Looked = { ms: 0, topics: '' };

/** What one replicator has noted about its share of a flow. Nothing rests on it: positions are where copies end. */
export interface FlowStatus {
  readonly share: FlowShare;
  /** Milliseconds since 1970, by storage's clock. */
  readonly notedMs: number;
  /** What was to be copied when the share was last seen falling behind, and when that was. */
  readonly base: { readonly lagRecords: number; readonly sinceMs: number };
  /** -1: unknown. */
  readonly lagRecords: number;
  /** -1: unknown. */
  readonly lagMs: number;
  readonly topics: readonly TopicProgress[];
  readonly looked: Looked;
}

type Dependencies = Pick<EngineParts, 'catalog' | 'codecs'>;

const TOPICS_BYTES_MAX = 67_108_864;
/** What the item of a status may hold of its topics: a note of any flow stays a write of some units. */
const STATUS_BYTES_MAX = 65_536;
const SHORTENED_TOPICS_MAX = 1_000;
const SHORTENED_PARTITIONS_MAX = 10;
const SHARES_MAX = 1_024;

function statusPrefix(source: string): string {
  return `status#${source}#`;
}

export function statusKey(source: string, index: number): Key<string> {
  return { pk: FLOWS_KEY, sk: `${statusPrefix(source)}${index}` };
}

/*
 * Item layout in the catalog: pk = flows, sk = status#<alias of the source>#<index of the share>, and
 *
 *   f  format number   i  id of the flow   n  shares   t  ms of the note   l  lag in records   m  lag in ms
 *   b  [lag when it was last seen falling behind, ms of that]
 *   e  [ms, hash of topic ids] of the last look at every copy
 *   z  the topics' progress, JSON in gzip
 */
export function statusToItem(
  { codecs }: Pick<Dependencies, 'codecs'>,
  flow: Pick<Flow, 'source' | 'id'>,
  status: FlowStatus,
  version: string,
): Item<string> {
  const { share, notedMs, base, lagRecords, lagMs, topics, looked } = status;
  const packed = (rows: readonly TopicProgress[]): Uint8Array =>
    codecs.compress('gzip', Buffer.from(JSON.stringify(rows)));
  const all = packed(topics);
  const bytes = all.length <= STATUS_BYTES_MAX ? all : packed(shortened(topics));
  return {
    ...statusKey(flow.source, share.index),
    version,
    attributes: {
      f: ITEM_FORMAT,
      i: flow.id,
      n: share.count,
      t: notedMs,
      l: lagRecords,
      m: lagMs,
      b: [base.lagRecords, base.sinceMs],
      e: [looked.ms, looked.topics],
      z: bytes,
    },
  };
}

/** Of very many topics and partitions only those are told that something is to be told of, and no more than so many. */
function shortened(topics: readonly TopicProgress[]): readonly TopicProgress[] {
  return topics
    .toSorted((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state))
    .slice(0, SHORTENED_TOPICS_MAX)
    .map((topic) => ({
      ...topic,
      partitions: topic.partitions
        .filter(({ position, sourceEnd, gap }) => position !== sourceEnd || gap !== undefined)
        .slice(0, SHORTENED_PARTITIONS_MAX),
    }));
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function statusFromItem(
  { codecs }: Pick<Dependencies, 'codecs'>,
  item: Item<string>,
): FlowStatus & { readonly flowId: string } {
  const read = new ItemReader('flow status', item);
  const [lagRecords, sinceMs] = read.list('b');
  if (typeof lagRecords !== 'number' || typeof sinceMs !== 'number') {
    throw new StorageFault('damaged', `flow status ${item.sk}: attribute 'b' holds no numbers`);
  }
  const [lookedMs, lookedTopics] = read.list('e');
  const isLooked = typeof lookedMs === 'number' && typeof lookedTopics === 'string';
  const json = codecs.decompress('gzip', read.bytes('z'), TOPICS_BYTES_MAX);
  return {
    flowId: read.string('i'),
    share: { index: Number(item.sk.slice(item.sk.lastIndexOf('#') + 1)), count: read.number('n') },
    notedMs: read.number('t'),
    base: { lagRecords, sinceMs },
    lagRecords: read.number('l'),
    lagMs: read.number('m'),
    topics: JSON.parse(Buffer.from(json).toString()) as readonly TopicProgress[],
    looked: isLooked ? { ms: lookedMs, topics: lookedTopics } : NEVER_LOOKED,
  };
}

/** The note of one share as it stands, with its version; undefined if there is none of this flow. */
export async function readStatus(
  deps: Dependencies,
  flow: Pick<Flow, 'source' | 'id'>,
  index: number,
  call: Call,
): Promise<{ readonly status: FlowStatus | undefined; readonly version: string | undefined }> {
  const { item } = await deps.catalog.get(statusKey(flow.source, index), { consistent: true }, call);
  const status = item === undefined ? undefined : statusFromItem(deps, item);
  return { status: status?.flowId === flow.id ? status : undefined, version: item?.version };
}

/** What was noted about a flow last, by every replicator that shares in it. */
export async function readStatuses(
  deps: Dependencies,
  flow: Pick<Flow, 'source' | 'id'>,
  call: Call,
): Promise<readonly FlowStatus[]> {
  const from = statusPrefix(flow.source);
  // Behind '#' comes '$'.
  const range = { from, to: `${from.slice(0, -1)}$`, limit: SHARES_MAX, consistent: true };
  const { items } = await deps.catalog.query(FLOWS_KEY, range, call);
  const all = items.map((item) => statusFromItem(deps, item)).filter(({ flowId }) => flowId === flow.id);
  // The number of shares may have been another once.
  const newest = all.reduce((last, one) => (one.notedMs > last.notedMs ? one : last), all[0] ?? NEVER);
  return all.filter(({ share }) => share.count === newest.share.count);
}

const NEVER = { notedMs: -1, share: { index: 0, count: 1 } };

/** Of all shares together; undefined before the first note. */
export function progressOf(statuses: readonly FlowStatus[]): FlowProgress | undefined {
  if (statuses.length === 0) return undefined;
  const notedMs = Math.max(...statuses.map((status) => status.notedMs));
  const lagRecords = total(statuses.map((status) => status.lagRecords));
  const lags = statuses.map((status) => status.lagMs);
  const estimatedEndMs = latestEnd(statuses);
  return {
    notedMs,
    lagRecords,
    lagMs: lags.includes(-1) ? -1 : Math.max(...lags),
    percent: percentOf(statuses, lagRecords),
    ...(estimatedEndMs === undefined ? {} : { estimatedEndMs }),
    topics: merged(statuses.flatMap(({ topics }) => topics)),
  };
}

function total(lags: readonly number[]): number {
  return lags.includes(-1) ? -1 : lags.reduce((sum, lag) => sum + lag, 0);
}

function percentOf(statuses: readonly FlowStatus[], lagRecords: number): number {
  const base = statuses.reduce((sum, status) => sum + Math.max(0, status.base.lagRecords), 0);
  if (lagRecords < 0) return 0;
  if (lagRecords === 0 || base === 0) return lagRecords === 0 ? 100 : 0;
  return Math.max(0, Math.min(100, Math.floor((100 * (base - lagRecords)) / base)));
}

/** A pace is none before this. */
const PACE_MS_MIN = 5_000;

function latestEnd(statuses: readonly FlowStatus[]): number | undefined {
  const ends: number[] = [];
  for (const { notedMs, base, lagRecords } of statuses) {
    if (lagRecords === 0) continue;
    const elapsedMs = notedMs - base.sinceMs;
    const copied = base.lagRecords - lagRecords;
    if (lagRecords < 0 || copied <= 0 || elapsedMs < PACE_MS_MIN) return undefined;
    ends.push(Math.ceil(notedMs + (lagRecords * elapsedMs) / copied));
  }
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** The worst state first. */
const STATES = [
  'CONFLICT',
  'SOURCE_RECREATED',
  'DIVERGED',
  'UNREACHABLE',
  'COPYING',
  'CAUGHT_UP',
] as const satisfies readonly TopicProgress['state'][];

export function worstOf<T extends Pick<TopicProgress, 'state'>>(rows: readonly T[]): T | undefined {
  return rows.toSorted((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state))[0];
}

/** One row for each topic, by name. */
function merged(rows: readonly TopicProgress[]): readonly TopicProgress[] {
  const byTopic = Map.groupBy(rows, ({ sourceTopic }) => sourceTopic);
  return [...byTopic.values()]
    .flatMap((parts) => {
      const worst = worstOf(parts);
      if (worst === undefined) return [];
      const partitions = parts
        .flatMap((part) => part.partitions)
        .toSorted((a, b) => a.partition - b.partition);
      return [{ ...worst, partitions }];
    })
    .toSorted((a, b) => (a.sourceTopic < b.sourceTopic ? -1 : 1));
}
