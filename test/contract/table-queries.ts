import { expect } from 'vitest';
import type { QueryRange, SortKey, Table } from '../../lib/storage/table.ts';
import {
  type Claim,
  caller,
  expectItem,
  freshName,
  IF_ABSENT,
  itemAt,
  noise,
  type OpenTables,
} from './support.ts';

const NUMBERS = [
  -5,
  0,
  9,
  10,
  99,
  100,
  2 ** 31,
  2 ** 32 + 1,
  Number.MAX_SAFE_INTEGER - 1,
  Number.MAX_SAFE_INTEGER,
];
/** In the order of their UTF-8 bytes; UTF-16 would put the emoji before U+FFFD. */
const STRINGS = [
  ' ',
  '#',
  '0',
  '10',
  '9',
  'A',
  'Z',
  'a',
  'a!',
  'aa',
  'b',
  'é',
  'ж',
  '世',
  '\ufffd',
  '😀',
  '😀a',
];

/** Order, ranges, pages. */
export function queryClaims(claim: Claim, tables: () => OpenTables): void {
  claim('numeric sort keys are ordered by value, up to the largest safe integer', async () => {
    const { hot } = tables();
    const pk = await filled(hot, NUMBERS);
    expect(await keys(hot, pk, {})).toEqual(NUMBERS);
    expect(await keys(hot, pk, { reverse: true })).toEqual(NUMBERS.toReversed());
  });

  claim('string sort keys are ordered by their UTF-8 bytes', async () => {
    const { catalog } = tables();
    const pk = await filled(catalog, STRINGS);
    expect(await keys(catalog, pk, {})).toEqual(STRINGS);
    expect(await keys(catalog, pk, { reverse: true })).toEqual(STRINGS.toReversed());
    expect(await keys(catalog, pk, { from: 'a', to: 'b' })).toEqual(['a', 'a!', 'aa', 'b']);
    expect(await keys(catalog, pk, { from: '世', after: '\ufffd' })).toEqual(['😀', '😀a']);
  });

  claim('from and to are inclusive, alone and together, whether or not an item is there', async () => {
    const { hot } = tables();
    const pk = await filled(hot, [10, 20, 30, 40]);
    expect(await keys(hot, pk, { from: 20 })).toEqual([20, 30, 40]);
    expect(await keys(hot, pk, { to: 20 })).toEqual([10, 20]);
    expect(await keys(hot, pk, { from: 15, to: 35 })).toEqual([20, 30]);
    expect(await keys(hot, pk, { from: 20, to: 20 })).toEqual([20]);
    expect(await keys(hot, pk, { from: 41 })).toEqual([]);
    expect(await keys(hot, pk, { to: 25, reverse: true })).toEqual([20, 10]);
  });

  claim('after is exclusive and goes on in the direction of the query', async () => {
    const { hot } = tables();
    const pk = await filled(hot, [10, 20, 30, 40]);
    expect(await keys(hot, pk, { after: 20 })).toEqual([30, 40]);
    expect(await keys(hot, pk, { after: 20, reverse: true })).toEqual([10]);
    expect(await keys(hot, pk, { from: 10, to: 30, after: 10 })).toEqual([20, 30]);
    expect(await keys(hot, pk, { from: 20, to: 40, after: 40, reverse: true })).toEqual([30, 20]);
    expect(await keys(hot, pk, { after: 40 })).toEqual([]);
  });

  claim('a page holds at most limit items, and pages joined by after miss and repeat nothing', async () => {
    const { hot } = tables();
    const sks = Array.from({ length: 25 }, (_, n) => n * 3);
    const pk = await filled(hot, sks);
    const first = await hot.query(pk, { limit: 10, consistent: true }, caller());
    expect(first.items.map((item) => item.sk)).toEqual(sks.slice(0, 10));
    expect(first.more).toBe(true);
    expect(await keys(hot, pk, { limit: 10 })).toEqual(sks);
    expect(await keys(hot, pk, { limit: 10, reverse: true })).toEqual(sks.toReversed());
  });

  claim('a page ends at 1 MB, and the pages together are everything', async () => {
    const { hot } = tables();
    const sks = Array.from({ length: 20 }, (_, n) => n);
    const pk = await filled(hot, sks, noise(100_000));
    const first = await hot.query(pk, { limit: 100, consistent: true }, caller());
    expect(first.items.length).toBeGreaterThanOrEqual(9);
    expect(first.items.length).toBeLessThanOrEqual(11);
    expect(first.more).toBe(true);
    expect(await keys(hot, pk, { limit: 100 })).toEqual(sks);
    expect(await keys(hot, pk, { limit: 100, reverse: true })).toEqual(sks.toReversed());
  });

  claim('a query sees its own partition only, and an empty one is an empty last page', async () => {
    const { catalog } = tables();
    const pk = await filled(catalog, ['a', 'b']);
    await catalog.put(itemAt(`${pk}x`, 'a'), IF_ABSENT, caller());
    expect(await keys(catalog, pk, {})).toEqual(['a', 'b']);
    const empty = await catalog.query(freshName(), { limit: 10, consistent: false }, caller());
    expect(empty).toMatchObject({ items: [], more: false });
  });

  claim('a query answers whole items', async () => {
    const { hot } = tables();
    const item = { ...itemAt(freshName(), 4, { b: noise(3_000), t: 'x' }), expiresAtSeconds: 4_000_000_000 };
    await hot.put(item, IF_ABSENT, caller());
    const page = await hot.query(item.pk, { limit: 1, consistent: true }, caller());
    expectItem(page.items[0], item);
  });

  claim('a consistent query sees every acknowledged write at once', async () => {
    const { hot } = tables();
    const pk = freshName();
    for (let sk = 0; sk < 20; sk += 1) {
      await hot.put(itemAt(pk, sk), IF_ABSENT, caller());
      const page = await hot.query(pk, { reverse: true, limit: 1, consistent: true }, caller());
      expect(page.items[0]?.sk).toBe(sk);
    }
  });
}

/** The name of a new partition with an item at each of `sks`, put in another order. */
async function filled<S extends SortKey>(
  table: Table<S>,
  sks: readonly S[],
  body: Uint8Array = noise(10),
): Promise<string> {
  const pk = freshName();
  const shuffled = [...sks.filter((_, n) => n % 2 === 1), ...sks.filter((_, n) => n % 2 === 0).reverse()];
  for (const sk of shuffled) await table.put(itemAt(pk, sk, { b: body }), IF_ABSENT, caller());
  return pk;
}

/** All sort keys of a range, read page by page. */
async function keys<S extends SortKey>(
  table: Table<S>,
  pk: string,
  range: Partial<QueryRange<S>>,
): Promise<S[]> {
  const found: S[] = [];
  let after = range.after;
  for (;;) {
    const page = await table.query(
      pk,
      { limit: 100, consistent: true, ...range, ...(after === undefined ? {} : { after }) },
      caller(),
    );
    found.push(...page.items.map((item) => item.sk));
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return found;
  }
}
