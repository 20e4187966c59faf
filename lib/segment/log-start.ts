import type { EngineParts } from '../engine-parts.ts';
import { invariant } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Origins, originsFromAttribute, originsToAttribute } from '../partition/origins.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Observation } from '../storage/observation.ts';
import type { AttributeValue, Condition, Item, Table } from '../storage/table.ts';
import { LOG_START_KEY } from './segment-item.ts';

/** Where a partition begins: the first offset that may be read. It only ever moves forward. */
export interface LogStart {
  readonly offset: number;
  /** Set while retention waits until it may drop segment items. */
  readonly standing?: StandingMark;
  /** Of a log that is written in several regions, where it is known. */
  readonly before?: OriginsBefore;
}

/** How far the log had the records of other regions below exactly this offset. ⚑ It says nothing of any other. */
export interface OriginsBefore {
  readonly offset: number;
  readonly origins: Origins;
}

/** ⚑ The segment items that end at or below `below` stood in the chain at `seenMs`, on storage's clock if it has one. */
export interface StandingMark {
  readonly below: number;
  readonly seenMs: number;
}

export interface SeenLogStart extends LogStart {
  /** Undefined while there is no item: the log begins at 0. */
  readonly version: string | undefined;
  readonly observation: Observation;
}

type Dependencies = Pick<EngineParts, 'catalog' | 'random'>;

/** Others that may move it at the same time; each lost try has seen it further on. */
const TRIES_MAX = 16;

/*
 * Item layout in the catalog: pk = topicId:partition, sk = start, and
 *
 *   f  format number   s  log start   d, a  the mark: `below` and `seenMs`, if there is one
 *   u  [offset, origins below it], if they are known
 */
function logStartToItem(pk: string, { offset, standing, before }: LogStart, version: string): Item<string> {
  const mark: Record<string, AttributeValue> =
    standing === undefined ? {} : { d: standing.below, a: standing.seenMs };
  const known: Record<string, AttributeValue> =
    before?.offset === offset ? { u: [offset, originsToAttribute(before.origins)] } : {};
  return { pk, sk: LOG_START_KEY, version, attributes: { f: ITEM_FORMAT, s: offset, ...mark, ...known } };
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function logStartFromItem(item: Item<string>): LogStart {
  const read = new ItemReader('log start', item);
  const offset = read.number('s');
  return {
    offset,
    ...(read.has('d') ? { standing: { below: read.number('d'), seenMs: read.number('a') } } : {}),
    ...(read.has('u') ? beforeFrom(read.list('u'), offset) : {}),
  };
}

function beforeFrom(
  [at, origins]: readonly AttributeValue[],
  offset: number,
): { readonly before?: OriginsBefore } {
  if (at !== offset || !Array.isArray(origins)) return {};
  return { before: { offset, origins: originsFromAttribute(origins) } };
}

/** Consistent. */
export async function readLogStart(catalog: Table<string>, pk: string, call: Call): Promise<SeenLogStart> {
  const { item, observation } = await catalog.get({ pk, sk: LOG_START_KEY }, { consistent: true }, call);
  if (item === undefined) return { offset: 0, version: undefined, observation };
  return { ...logStartFromItem(item), version: item.version, observation };
}

/**
 * ⚑ Decides, once and for all, where a partition begins in which nothing has been stored: whoever is first puts the item, be
 * it for offset 0, and everybody else goes by it. Answers where it begins. Throws `StorageFault`.
 */
export async function beginLogAt(
  deps: Dependencies,
  pk: string,
  offset: number,
  call: Call,
): Promise<number> {
  const seen = await readLogStart(deps.catalog, pk, call);
  if (seen.version !== undefined) return seen.offset;
  const fences = [{ observation: seen.observation, ageMsMax: LIMITS.logStartAgeMsMax }];
  const item = logStartToItem(pk, { offset }, deps.random.id());
  const condition: Condition = { kind: 'ifAbsent' };
  const result = await deps.catalog.put(item, { condition, fences }, call);
  if (result.stored) return offset;
  return result.standing === undefined
    ? beginLogAt(deps, pk, offset, call)
    : logStartFromItem(result.standing).offset;
}

/**
 * Changes the log start as `change` says, which is asked again about what is found when somebody else was first; undefined
 * leaves it. Answers what holds then.
 *
 * The put needs no fence for the log's sake: it extends no chain, `ifVersion` lets it in only on top of what it has seen,
 * and every offset it may carry was a tail once (or made one, `beginLogAt`), which only grows; a late one is simply refused. It has a wide one all
 * the same, so that none can bring back the item of a topic whose remains have been removed.
 */
export async function moveLogStart(
  deps: Dependencies,
  pk: string,
  change: (start: LogStart) => LogStart | undefined,
  call: Call,
): Promise<LogStart> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const seen = await readLogStart(deps.catalog, pk, call);
    const moved = change(seen);
    if (moved === undefined) return seen;
    invariant(moved.offset >= seen.offset, `the log start of ${pk} only moves forward`);
    const condition: Condition =
      seen.version === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version: seen.version };
    const fences = [{ observation: seen.observation, ageMsMax: LIMITS.logStartAgeMsMax }];
    const item = logStartToItem(pk, moved, deps.random.id());
    const result = await deps.catalog.put(item, { condition, fences }, call);
    if (result.stored) return moved;
  }
  throw new StorageFault('throttled', `The log start of partition ${pk} is being moved by many at once`);
}
