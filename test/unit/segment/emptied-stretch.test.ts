import { expect, it } from 'vitest';
import { segmentSortKey } from '../../../lib/segment/segment-item.ts';
import type { Item, Table } from '../../../lib/storage/table.ts';
import { textOf } from '../../support/log-on-memory.ts';
import { type ColdLog, coldLog, numbersIn, range } from './support.ts';

const BATCH_COUNT = 20;

/** Puts other attributes in the place of a segment's item, and answers what stood there. */
async function replace(
  { storage: { catalog }, pk, call }: ColdLog,
  baseOffset: number,
  change: (attributes: Item<string>['attributes']) => Item<string>['attributes'],
): Promise<Item<string>> {
  const { item } = await catalog.get({ pk, sk: segmentSortKey(baseOffset) }, { consistent: true }, call());
  if (item === undefined) throw new Error('there is no such segment');
  const changed = { ...item, version: `changed ${baseOffset}`, attributes: change(item.attributes) };
  await catalog.put(changed, { condition: { kind: 'ifVersion', version: item.version } }, call());
  return item;
}

/** Eventually consistent reads see `old` where something newer stands. */
function lagging(catalog: Table<string>, old: Item<string>): Table<string> {
  const { query } = catalog;
  return {
    ...catalog,
    query: async (pk, wanted, call) => {
      const page = await query.call(catalog, pk, wanted, call);
      if (wanted.consistent) return page;
      return { ...page, items: page.items.map((item) => (item.sk === old.sk ? old : item)) };
    },
  };
}

it('a read that finds an object gone looks consistently on behind a stretch that compaction has emptied, too', async () => {
  const cold = await coldLog();
  for (let i = 0; i < 2; i += 1) {
    await cold.produce(BATCH_COUNT, 100);
    await cold.seal();
  }
  const { bucket, catalog } = cold.storage;
  const objectKey = (await cold.segments())[1]?.objectKey ?? '';
  const bytes = (await bucket.get(objectKey, undefined, cold.call())) ?? new Uint8Array();
  await bucket.put('segments/rewritten', bytes, cold.call());
  await replace(cold, 0, ({ o: _, ...attributes }) => ({ ...attributes, s: 0 }));
  const old = await replace(cold, BATCH_COUNT, (attributes) => ({ ...attributes, o: 'segments/rewritten' }));
  await bucket.delete([objectKey], cold.call());

  const log = await cold.fresh({ catalog: lagging(catalog, old) });
  const { batches } = await log.fetch({ topic: 'cold', partition: 0, offset: 0 }, cold.call());
  expect(numbersIn(textOf(batches))).toEqual(range(BATCH_COUNT, 2 * BATCH_COUNT));
});
