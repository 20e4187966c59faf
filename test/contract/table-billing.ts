import { expect } from 'vitest';
import { Meter, type Usage } from '../../lib/storage/meter.ts';
import { itemBytes } from '../../lib/storage/units.ts';
import {
  type Claim,
  caller,
  freshName,
  IF_ABSENT,
  ifVersion,
  itemAt,
  noise,
  type OpenTables,
} from './support.ts';

/** What a call is charged; the figures are worked out by hand from AWS's rules. */
export function billingClaims(claim: Claim, tables: () => OpenTables, exactBytesMax: number): void {
  const chunkOf = (bodyBytes: number): ReturnType<typeof itemAt<number>> =>
    itemAt(freshName(), 1_000, { b: noise(bodyBytes) });

  claim('a batch of 900 bytes is one write request and one write unit', async () => {
    const { hot } = tables();
    const chunk = chunkOf(900);
    const { usage } = await charged((call) => hot.put(chunk, IF_ABSENT, call));
    expect(usage).toMatchObject({
      tableWrites: 1,
      writeUnits: 1,
      lostWrites: 0,
      bytesWritten: itemBytes(chunk),
    });
    expect(usage).toMatchObject({ readUnits: 0, tableReads: 0, objectPuts: 0, objectGets: 0 });
  });

  claim('a write is charged one unit for each KB begun, of names and values together', async () => {
    const { catalog } = tables();
    // pk 2 + 16, sk 2 + 1, v 1 + 16, b 1: 39 bytes beside the body.
    for (const [bodyBytes, units] of [
      [985, 1],
      [986, 2],
      [2_009, 2],
      [2_010, 3],
      [7_000, 7],
    ] as const) {
      const item = itemAt(freshName(), 'k', { b: noise(bodyBytes) });
      const { usage } = await charged((call) => catalog.put(item, IF_ABSENT, call));
      expect(usage.writeUnits).toBe(units);
    }
  });

  claim('a put over a larger item is charged by the larger one', async () => {
    const { catalog } = tables();
    const large = itemAt(freshName(), 'k', { b: noise(5_000) });
    await catalog.put(large, IF_ABSENT, caller());
    const small = itemAt(large.pk, 'k', { b: noise(10) });
    const { usage } = await charged((call) => catalog.put(small, ifVersion(large.version), call));
    expect(usage).toMatchObject({ tableWrites: 1, writeUnits: 5, lostWrites: 0 });
  });

  claim('a put that loses is charged as if it had won, by the larger item', async () => {
    const { hot } = tables();
    const standing = chunkOf(3_000);
    await hot.put(standing, IF_ABSENT, caller());
    const smaller = itemAt(standing.pk, standing.sk, { b: noise(10) });
    const larger = itemAt(standing.pk, standing.sk, { b: noise(6_000) });
    const first = await charged((call) => hot.put(smaller, IF_ABSENT, call));
    expect(first.usage).toMatchObject({ tableWrites: 1, lostWrites: 1, writeUnits: 3, bytesWritten: 0 });
    const second = await charged((call) => hot.put(larger, ifVersion('another'), call));
    expect(second.usage).toMatchObject({ tableWrites: 1, lostWrites: 1, writeUnits: 6, bytesWritten: 0 });
  });

  claim('a delete is charged by the item it removes, and one unit at least', async () => {
    const { catalog } = tables();
    const item = itemAt(freshName(), 'k', { b: noise(4_000) });
    await catalog.put(item, IF_ABSENT, caller());
    const removal = await charged((call) => catalog.delete(item, { ifVersion: item.version }, call));
    expect(removal.usage).toMatchObject({ tableWrites: 1, writeUnits: 4, lostWrites: 0 });
    const nothing = await charged((call) => catalog.delete(item, { ifVersion: item.version }, call));
    expect(nothing.usage).toMatchObject({ tableWrites: 1, writeUnits: 1, lostWrites: 1 });
  });

  claim('a get is charged for 4 KB begun, half if it may be stale', async () => {
    const { hot } = tables();
    const chunk = chunkOf(5_000);
    await hot.put(chunk, IF_ABSENT, caller());
    const strong = await charged((call) => hot.get(chunk, { consistent: true }, call));
    expect(strong.usage).toMatchObject({ tableReads: 1, readUnits: 2, bytesRead: itemBytes(chunk) });
    const stale = await charged((call) => hot.get(chunk, { consistent: false }, call));
    expect(stale.usage).toMatchObject({ tableReads: 1, readUnits: 1 });
    const nothing = await charged((call) => hot.get({ pk: chunk.pk, sk: 0 }, { consistent: false }, call));
    expect(nothing.usage).toMatchObject({ tableReads: 1, readUnits: 0.5, bytesRead: 0 });
  });

  claim('a query is charged for the sum of its items, and for finding nothing', async () => {
    const { hot } = tables();
    const pk = freshName();
    for (let sk = 0; sk < 10; sk += 1)
      await hot.put(itemAt(pk, sk, { b: noise(1_000) }), IF_ABSENT, caller());
    // Ten items of about 1,040 bytes: 10,4xx bytes are three units of 4 KB; four of them are 4,16x bytes, two units.
    const all = await charged((call) => hot.query(pk, { limit: 100, consistent: true }, call));
    expect(all.usage).toMatchObject({ tableReads: 1, readUnits: 3 });
    const stale = await charged((call) => hot.query(pk, { limit: 100, consistent: false }, call));
    expect(stale.usage).toMatchObject({ tableReads: 1, readUnits: 1.5 });
    const four = await charged((call) => hot.query(pk, { limit: 4, consistent: true }, call));
    expect(four.usage).toMatchObject({ tableReads: 1, readUnits: 2 });
    const nothing = await charged((call) => hot.query(pk, { from: 10, limit: 4, consistent: false }, call));
    expect(nothing.usage).toMatchObject({ tableReads: 1, readUnits: 0.5, bytesRead: 0 });
  });

  if (exactBytesMax < 100_000) return;
  claim('a large item is charged by its size too', async () => {
    const { hot } = tables();
    const chunk = chunkOf(100_000);
    const { usage } = await charged((call) => hot.put(chunk, IF_ABSENT, call));
    expect(usage).toMatchObject({ tableWrites: 1, writeUnits: 98, objectPuts: 0 });
  });
}

async function charged<T>(
  request: (call: ReturnType<typeof caller>) => Promise<T>,
): Promise<{ answer: T; usage: Usage }> {
  const meter = new Meter();
  const answer = await request({ ...caller(), meter });
  return { answer, usage: meter.usage };
}
