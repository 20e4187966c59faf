import type { EngineParts } from '../../engine-parts.ts';
import { readBounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import type { AttributeValue, Item, QueryRange, SortKey, Table } from '../../storage/table.ts';
import { isList } from '../../storage/units.ts';

type Tables = Pick<EngineParts, 'hot' | 'catalog'>;

const ITEMS_PER_PAGE = 1_000;
/** Storage's clocks and ours may differ by as much. */
const EXPIRED_FOR_MS = 3_600_000;

/**
 * Tells of every text in the catalog items of a partition: segments, and what its compaction has put aside. Any
 * attribute of any kind of item counts, those of newer formats too: what looks like a reference is one.
 */
export async function catalogReferences(
  { catalog }: Tables,
  pk: string,
  refer: (text: string) => void,
  call: Call,
): Promise<void> {
  await eachItem(catalog, pk, { consistent: true }, (item) => eachText(item.attributes, refer), call);
}

/**
 * As `catalogReferences`, for the chunks of a partition and then for its segments, because a segment may take over the
 * object of a chunk: one that is gone from the hot table by now is sealed, and the segment item was there before.
 *
 * Above the sealed end every chunk counts. Below it readers do not look, unless they hold a sealed end that is a minute
 * old: there a chunk counts until its life is over, and a read that misses one does no harm.
 */
export async function allReferences(
  tables: Tables,
  partition: { readonly pk: string; readonly nowMs: number },
  refer: (text: string) => void,
  call: Call,
): Promise<void> {
  const { pk, nowMs } = partition;
  const { sealedEnd } = await readBounds(tables.catalog, pk, { consistent: true }, call);
  const counts = (item: Item<number>): void => eachText(item.attributes, refer);
  await eachItem(tables.hot, pk, { from: sealedEnd, consistent: true }, counts, call);
  if (sealedEnd > 0) {
    const whileItLives = (item: Item<number>): void => {
      const { expiresAtSeconds } = item;
      const isOver = expiresAtSeconds !== undefined && expiresAtSeconds * 1000 + EXPIRED_FOR_MS < nowMs;
      if (!isOver) counts(item);
    };
    await eachItem(tables.hot, pk, { to: sealedEnd - 1, consistent: false }, whileItLives, call);
  }
  await catalogReferences(tables, pk, refer, call);
}

async function eachItem<S extends SortKey>(
  table: Table<S>,
  pk: string,
  range: Omit<QueryRange<S>, 'limit'>,
  visit: (item: Item<S>) => void,
  call: Call,
): Promise<void> {
  let after: S | undefined;
  for (;;) {
    const rest = after === undefined ? range : { ...range, after };
    const page = await table.query(pk, { ...rest, limit: ITEMS_PER_PAGE }, call);
    page.items.forEach(visit);
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}

function eachText(value: AttributeValue, visit: (text: string) => void): void {
  if (typeof value === 'string') visit(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const element of isList(value) ? value : Object.values(value)) eachText(element, visit);
}
