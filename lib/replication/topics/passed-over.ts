import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { ItemReader } from '../../storage/format.ts';
import type { AttributeValue, Item } from '../../storage/table.ts';
import { PAIRS_KEY, pairSortKey } from '../../topic/merged-here.ts';
import type { CopyGap } from '../copy/copy-outcome.ts';

/** A partition that has records of another region. */
export interface OriginPartition {
  /** `<topic id>:<partition>`. */
  readonly pk: string;
  /** Alias of that region. */
  readonly region: string;
}

/** Others that may note the same of other partitions meanwhile. */
const TRIES_MAX = 16;

/**
 * Between which offsets of a region its records were passed over here, because nobody waited for them; undefined: nowhere.
 * Where it happened more than once, from the first to the last. Consistent.
 */
export async function passedOver(
  { catalog }: Pick<EngineParts, 'catalog'>,
  { pk, region }: OriginPartition,
  call: Call,
): Promise<CopyGap | undefined> {
  const { topicId, partition } = partsOf(pk);
  const key = { pk: PAIRS_KEY, sk: pairSortKey(region, topicId) };
  const { item } = await catalog.get(key, { consistent: true }, call);
  return item === undefined ? undefined : gapsIn(item).get(partition);
}

/** ⚑ Stands before anything behind it is stored: whoever relays from here could not tell from the log. */
export async function notePassedOver(
  { catalog, random }: Pick<EngineParts, 'catalog' | 'random'>,
  { pk, region }: OriginPartition,
  gap: CopyGap,
  call: Call,
): Promise<void> {
  const { topicId, partition } = partsOf(pk);
  const key = { pk: PAIRS_KEY, sk: pairSortKey(region, topicId) };
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { item } = await catalog.get(key, { consistent: true }, call);
    if (item === undefined) return;
    const gaps = gapsIn(item);
    const known = gaps.get(partition);
    const noted = known === undefined ? gap : hull(known, gap);
    if (known !== undefined && known.from === noted.from && known.to === noted.to) return;
    gaps.set(partition, noted);
    const o: AttributeValue = [...gaps].flatMap(([index, { from, to }]) => [index, from, to]);
    const changed = { ...item, version: random.id(), attributes: { ...item.attributes, o } };
    const condition = { kind: 'ifVersion', version: item.version } as const;
    if ((await catalog.put(changed, { condition }, call)).stored) return;
  }
  throw new StorageFault('throttled', `What is known of topic ${topicId} is being changed by many at once`);
}

function hull(one: CopyGap, other: CopyGap): CopyGap {
  return { from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) };
}

/** By partition. */
function gapsIn(item: Item<string>): Map<number, CopyGap> {
  const read = new ItemReader('merged pair', item);
  const stored = read.has('o') ? read.list('o') : [];
  const gaps = new Map<number, CopyGap>();
  for (let at = 0; at < stored.length; at += 3) {
    const [partition, from, to] = stored.slice(at, at + 3).map(Number);
    if (partition !== undefined && from !== undefined && to !== undefined) gaps.set(partition, { from, to });
  }
  return gaps;
}

function partsOf(pk: string): { readonly topicId: string; readonly partition: number } {
  const at = pk.lastIndexOf(':');
  return { topicId: pk.slice(0, at), partition: Number(pk.slice(at + 1)) };
}
