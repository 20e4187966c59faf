import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import { ITEM_FORMAT, ItemReader } from '../../storage/format.ts';
import { PAIRS_KEY, pairSortKey } from '../../topic/merged-here.ts';

type Dependencies = Pick<EngineParts, 'catalog' | 'random'>;

/**
 * ⚑ Which topic of a source a merged topic has records of, by their ids. How far they are copied stands in the topic itself
 * and says nothing of a topic that was made anew under the same name; what is copied from it would begin in the middle.
 * Kept as long as the storage: a flow that is deleted and made again goes on where it was.
 *
 * Layout: pk = flows, sk = pair#<alias of the source>#<topic id here>, f format number, i topic id in the source,
 * o [partition, from, to, …]: what was passed over of its records (passed-over.ts), if anything was.
 */
export async function bindMerged(
  { catalog, random }: Dependencies,
  pair: { readonly source: string; readonly sourceId: string; readonly targetId: string },
  call: Call,
): Promise<string> {
  const item = {
    pk: PAIRS_KEY,
    sk: pairSortKey(pair.source, pair.targetId),
    version: random.id(),
    attributes: { f: ITEM_FORMAT, i: pair.sourceId },
  };
  const result = await catalog.put(item, { condition: { kind: 'ifAbsent' } }, call);
  return result.stored || result.standing === undefined
    ? pair.sourceId
    : new ItemReader('merged pair', result.standing).string('i');
}

/** Topic ids in the source by topic ids here. */
export async function mergedPairs(
  { catalog }: Pick<Dependencies, 'catalog'>,
  source: string,
  call: Call,
): Promise<ReadonlyMap<string, string>> {
  const from = pairSortKey(source, '');
  const pairs = new Map<string, string>();
  let after: string | undefined;
  for (;;) {
    const range = { from, to: `${from.slice(0, -1)}$`, limit: 1_000, consistent: true };
    const page = await catalog.query(PAIRS_KEY, after === undefined ? range : { ...range, after }, call);
    for (const item of page.items) {
      pairs.set(item.sk.slice(from.length), new ItemReader('merged pair', item).string('i'));
    }
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return pairs;
  }
}
