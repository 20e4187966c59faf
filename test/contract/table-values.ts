import { expect } from 'vitest';
import type { AttributeValue } from '../../lib/storage/table.ts';
import {
  type Claim,
  caller,
  expectFault,
  expectItem,
  freshName,
  IF_ABSENT,
  itemAt,
  noise,
  type OpenTables,
} from './support.ts';

const EVERY_KIND: { readonly [name: string]: AttributeValue } = {
  text: 'Grüße, 世界 😀',
  emptyText: '',
  textWithNul: 'a\u0000b',
  zero: 0,
  negative: -42,
  fraction: 0.1,
  largest: Number.MAX_SAFE_INTEGER,
  smallest: Number.MIN_SAFE_INTEGER,
  huge: 1.5e100,
  tiny: -2.5e-100,
  timestamp: 1_791_234_567_890,
  yes: true,
  no: false,
  nothing: null,
  bytes: noise(1_000),
  noBytes: new Uint8Array(0),
  list: [1, 'two', null, [], [noise(3), false]],
  map: { inner: { deep: [noise(2), { x: null }] }, empty: {}, ключ: -1.25 },
  n: 'a short name',
  '#odd name.': 'kept',
};

/** What an item may carry, and what it may not. */
export function valueClaims(claim: Claim, tables: () => OpenTables): void {
  claim('every kind of attribute value comes back as it was stored', async () => {
    const { hot, catalog } = tables();
    const chunk = itemAt(freshName(), 1, EVERY_KIND);
    const other = { ...itemAt(freshName(), 'k', EVERY_KIND), expiresAtSeconds: 1_900_000_000 };
    await hot.put(chunk, IF_ABSENT, caller());
    await catalog.put(other, IF_ABSENT, caller());
    expectItem((await hot.get(chunk, { consistent: true }, caller())).item, chunk);
    expectItem((await catalog.get(other, { consistent: false }, caller())).item, other);
    const page = await catalog.query(other.pk, { limit: 10, consistent: true }, caller());
    expectItem(page.items[0], other);
  });

  claim('several binary attributes of every size come back as they were stored', async () => {
    const { hot } = tables();
    const pk = freshName();
    const sizes = [0, 1, 63, 64, 65, 127, 128, 4_095, 20_000, 150_000];
    for (const [sk, size] of sizes.entries()) {
      const item = itemAt(pk, sk, { a: noise(size), n: sk, b: noise(size >> 1), c: noise(size) });
      if (size < 100_000) await hot.put(item, IF_ABSENT, caller());
      else await hot.put({ ...item, attributes: { a: noise(size) } }, IF_ABSENT, caller());
      const { item: read } = await hot.get({ pk, sk }, { consistent: true }, caller());
      expect(read?.attributes.a).toEqual(noise(size));
      if (size < 100_000) expectItem(read, item);
    }
  });

  claim('an item without attributes and one with a long key are stored', async () => {
    const { catalog } = tables();
    const bare = itemAt(freshName(), 'k');
    const long = itemAt(freshName().padEnd(2_048, '.'), 'é'.repeat(512), { a: 1 });
    for (const item of [bare, long]) {
      await catalog.put(item, IF_ABSENT, caller());
      expectItem((await catalog.get(item, { consistent: true }, caller())).item, item);
    }
  });

  claim('bytes given to the table or answered by it may be changed afterwards', async () => {
    const { hot } = tables();
    const body = noise(5_000);
    const item = itemAt(freshName(), 0, { b: body });
    await hot.put(item, IF_ABSENT, caller());
    body.fill(0);
    const read = (await hot.get(item, { consistent: true }, caller())).item?.attributes.b as Uint8Array;
    expect(read).toEqual(noise(5_000));
    read.fill(1);
    expect((await hot.get(item, { consistent: true }, caller())).item?.attributes.b).toEqual(noise(5_000));
  });

  claim('bytes that are a view into a larger buffer are stored alone', async () => {
    const { hot } = tables();
    const buffer = noise(10_000);
    const item = itemAt(freshName(), 0, { b: buffer.subarray(3_000, 3_700), c: buffer.subarray(10, 20) });
    await hot.put(item, IF_ABSENT, caller());
    const { item: read } = await hot.get(item, { consistent: true }, caller());
    expectItem(read, item);
    expect(read?.attributes.b).toHaveProperty('byteLength', 700);
  });

  claim(
    'an item of 400,000 bytes is stored, one beyond 400 KB is full and nothing of it is there',
    async () => {
      const { catalog } = tables();
      const large = itemAt(freshName(), 'k', { b: noise(399_900) });
      expect(await catalog.put(large, IF_ABSENT, caller())).toMatchObject({ stored: true });
      const larger = itemAt(freshName(), 'k', { b: noise(409_600) });
      await expectFault(catalog.put(larger, IF_ABSENT, caller()), 'full');
      expect((await catalog.get(larger, { consistent: true }, caller())).item).toBeUndefined();
    },
  );

  const refusals: Record<string, () => Promise<unknown>> = {
    'an undefined member': () => putRaw({ a: undefined }),
    'an undefined member deep inside': () => putRaw({ a: [{ b: undefined }] }),
    'a number that is none': () => putRaw({ a: Number.NaN }),
    'an infinite number': () => putRaw({ a: { b: Number.POSITIVE_INFINITY } }),
    'a number past the range': () => putRaw({ a: 1e200 }),
    'half a surrogate pair': () => putRaw({ a: '\ud83d' }),
    'a reserved name': () => putRaw({ v: 'mine' }),
    'a member that would change the prototype': () => putRaw({ a: JSON.parse('{"__proto__": 1}') }),
    'nesting past 32 levels': () => putRaw({ a: nested(33) }),
    'an empty partition key': () => tables().catalog.put(itemAt('', 'k'), IF_ABSENT, caller()),
    'an empty sort key': () => tables().catalog.put(itemAt(freshName(), ''), IF_ABSENT, caller()),
    'a partition key beyond 2,048 bytes': () =>
      tables().catalog.put(itemAt('k'.repeat(2_049), 'k'), IF_ABSENT, caller()),
    'a sort key that is no safe integer': () =>
      tables().hot.put(itemAt(freshName(), 2 ** 53), IF_ABSENT, caller()),
    'a sort key with a fraction': () => tables().hot.put(itemAt(freshName(), 0.5), IF_ABSENT, caller()),
  };
  const putRaw = (attributes: object): Promise<unknown> =>
    tables().catalog.put(itemAt(freshName(), 'k', { ...attributes }), IF_ABSENT, caller());

  for (const [what, put] of Object.entries(refusals)) {
    claim(`${what} is refused`, async () => {
      await expectFault(put(), 'refused');
    });
  }
}

function nested(levels: number): AttributeValue {
  return levels === 0 ? 1 : [nested(levels - 1)];
}
