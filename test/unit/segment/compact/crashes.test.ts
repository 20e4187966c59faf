import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompactOutcome, compactOnce } from '../../../../lib/segment/compact/pass.ts';
import { newCall } from '../../../support/log-on-memory.ts';
import { Died, dyingAt, interferedWith, turnstile } from './interference.ts';
import {
  DELETE_RETENTION_MS,
  EAGER,
  type KeyedRecord,
  kvs,
  openWorld,
  textsOf,
  type World,
} from './support.ts';

const SMALL_MAP_BYTES = 24 * 5;

/** Compacts through a process that dies at its n-th request; undefined if it did. */
async function compactAndDie(
  world: World,
  n: number,
  options: { readonly afterwards: boolean; readonly mapBytes?: number },
): Promise<CompactOutcome | undefined> {
  const dying = interferedWith(world.parts, dyingAt(n, options));
  const settings = options.mapBytes === undefined ? {} : { mapBytes: options.mapBytes };
  return world.compact(settings, dying).catch((error: unknown) => {
    if (error instanceof Died) return undefined;
    throw error;
  });
}

async function compactAll(world: World): Promise<void> {
  while ((await world.compact()).kind !== 'notDue');
}

describe('a compactor that dies', () => {
  it.each([
    ['before a request', false],
    ['after a request', true],
  ])(
    '%s, at any of them, leaves a log that is right and that the next one finishes',
    async (_, afterwards) => {
      for (let n = 1; ; n += 1) {
        const world = await openWorld();
        await world.produce([kvs('a1 b1'), kvs('c1')]);
        await world.produce([kvs('a2 d1')]);
        await world.produce([kvs('a3 b- c2')]);
        await world.seal();
        const outcome = await compactAndDie(world, n, { afterwards });
        expect(await world.violations()).toEqual([]);
        await compactAll(world);
        expect(textsOf(await world.readAll())).toBe('4:d1 5:a3 6:b- 7:c2');
        expect(await world.checkpoint()).toMatchObject({ cleanTo: 8 });
        if (outcome !== undefined) {
          expect(n).toBeGreaterThan(15);
          return;
        }
      }
    },
  );

  it('again and again still comes to an end, because every segment counts once it is swapped', async () => {
    const world = await openWorld();
    for (let i = 0; i < 12; i += 1) await world.produce([kvs(`a${i % 9} b${i % 9}`)]);
    await world.seal();
    let deaths = 0;
    while ((await compactAndDie(world, 24, { afterwards: false })) === undefined) {
      deaths += 1;
      expect(deaths).toBeLessThan(100);
      expect(await world.violations()).toEqual([]);
    }
    expect(deaths).toBeGreaterThan(2);
    expect(textsOf(await world.readAll())).toBe('22:a2 23:b2');
  });
});

describe('several compactors at once', () => {
  const records = fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.constantFrom('1', '2', '3', null),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const chunks = fc.array(fc.array(records, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 6 });
  const choices = fc.infiniteStream(fc.nat(1_000));

  it('do no harm to each other, in whatever order their requests are served', async () => {
    await fc.assert(
      fc.asyncProperty(chunks, chunks, choices, async (early, late, order) => {
        const world = await openWorld();
        for (const lists of early) await world.produce(lists);
        await world.seal();
        await world.compact();
        for (const lists of late) await world.produce(lists);
        await world.seal();
        const { around, run } = turnstile(order);
        const parts = interferedWith(world.parts, around);
        const one = (mapBytes: number): Promise<CompactOutcome> =>
          compactOnce(parts, world.pk, { ...EAGER, mapBytes }, newCall(world.clock));
        await run(Promise.all([one(SMALL_MAP_BYTES), one(SMALL_MAP_BYTES), one(2_400)]));
        expect(await world.violations()).toEqual([]);
        await compactAll(world);
        world.clock.advance(DELETE_RETENTION_MS);
        await world.produce([kvs('z1')]);
        await world.seal();
        await compactAll(world);
        expect(await world.violations()).toEqual([]);
        expect(textsOf(await world.readAll())).toBe(textsOf(newestValues(world)));
      }),
      { numRuns: 40 },
    );
  });

  it('two passes of different age meet on one segment: the younger one does its work again', async () => {
    expect(await meetOnOneSegment({ lostSwapRedone: true })).toEqual([]);
  });

  it('and without that rule a deleted key comes back', async () => {
    expect(await meetOnOneSegment({ lostSwapRedone: false })).toContain('a came back');
  });
});

/** What is left when every tombstone has gone. */
function newestValues({ history }: World): World['history'] {
  const newest = new Map(history.map((record) => [record.key, record]));
  return [...newest.values()].filter(({ value }) => value !== null).sort((x, y) => x.offset - y.offset);
}

/**
 * A compactor of an older pass holds the rewritten first segment in its hands while the next pass begins, which knows of
 * a tombstone; it swaps just before that one does.
 */
async function meetOnOneSegment(rules: { readonly lostSwapRedone: boolean }): Promise<string[]> {
  const world = await openWorld();
  await world.produce([kvs('a1 b1')]);
  await world.produce([kvs('b2')]);
  await world.seal();
  const pending: (() => Promise<void>)[] = [];
  const isSwapOfFirst = (key: { readonly sk: number | string }): boolean =>
    key.sk === `seg#${'0'.repeat(20)}`;
  // The first pass freezes before its swap, a second process finishes the pass up to there.
  const frozen = withheld(world, pending, isSwapOfFirst);
  const older = world.compact({}, { ...frozen, rules: { ...world.parts.rules, lostSwapRedone: true } });
  while (pending.length === 0) await new Promise((settled) => setImmediate(settled));

  // Meanwhile the pass is given up (its map is gone), and a tombstone is written and sealed.
  await dropPass(world);
  await world.produce([kvs('a- c1')]);
  await world.seal();
  const racing = withheld(world, pending, isSwapOfFirst);
  const younger = world.compact({}, { ...racing, rules: { ...world.parts.rules, ...rules } });
  while (pending.length < 2) await new Promise((settled) => setImmediate(settled));
  await pending[0]?.();
  await pending[1]?.();
  while ((await Promise.race([younger, settledSoon()])) === 'waiting') {
    const next = pending.splice(2, 1)[0];
    await next?.();
  }
  await older;
  await younger;

  world.clock.advance(DELETE_RETENTION_MS);
  await world.produce([kvs('z1')]);
  await world.seal();
  await world.compact({}, { ...world.parts, rules: { ...world.parts.rules, ...rules } });
  return world.violations();
}

const settledSoon = (): Promise<'waiting'> =>
  new Promise((resolve) => setImmediate(() => resolve('waiting')));

/** Puts of certain items wait until they are let go. */
function withheld(
  world: World,
  pending: (() => Promise<void>)[],
  isWithheld: (key: { readonly sk: number | string }) => boolean,
): World['parts'] {
  const { catalog } = world.parts;
  return {
    ...world.parts,
    catalog: {
      ...catalog,
      put: async (...args) => {
        if (isWithheld(args[0])) {
          await new Promise<void>((go) => {
            pending.push(async () => {
              go();
              await settledSoon();
              await settledSoon();
            });
          });
        }
        return catalog.put(...args);
      },
    },
  };
}

async function dropPass(world: World): Promise<void> {
  const { catalog } = world.parts;
  const { item } = await catalog.get(
    { pk: world.pk, sk: 'clean' },
    { consistent: true },
    newCall(world.clock),
  );
  if (item === undefined) throw new Error('no checkpoint');
  const { f, to, p } = item.attributes;
  if (f === undefined || to === undefined || p === undefined) throw new Error('no checkpoint');
  const condition = { kind: 'ifVersion', version: item.version } as const;
  await catalog.put(
    { pk: world.pk, sk: 'clean', version: 'dropped', attributes: { f, to, p } },
    { condition },
    newCall(world.clock),
  );
}

describe('a compacted log', () => {
  type Command =
    | { readonly kind: 'produce'; readonly records: readonly KeyedRecord[] }
    | { readonly kind: 'seal' }
    | { readonly kind: 'wait'; readonly ms: number }
    | {
        readonly kind: 'compact';
        readonly mapBytes: number;
        readonly diesAt: number;
        readonly afterwards: boolean;
      };

  const record = fc.record({
    key: fc.constantFrom(...'abcdefgh'),
    value: fc.constantFrom('1', '2', '3', null),
  });
  const command: fc.Arbitrary<Command> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('produce' as const),
        records: fc.array(record, { minLength: 1, maxLength: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'seal' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(2 * DELETE_RETENTION_MS) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('compact' as const),
        mapBytes: fc.constantFrom(SMALL_MAP_BYTES, 24 * 12, 24 * 100),
        diesAt: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1_000)),
        afterwards: fc.boolean(),
      }),
    },
  );

  async function run(world: World, step: Command): Promise<void> {
    if (step.kind === 'produce') await world.produce([step.records]);
    if (step.kind === 'seal') await world.seal();
    if (step.kind === 'wait') world.clock.advance(step.ms);
    if (step.kind === 'compact') {
      await compactAndDie(world, step.diesAt, step);
      expect(await world.violations()).toEqual([]);
    }
  }

  it('shows every key’s last value after any history of puts, deletes, seals, passes and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
        const world = await openWorld();
        for (const step of commands) await run(world, step);
        await world.seal();
        await compactAll(world);
        expect(await world.violations()).toEqual([]);
        // Sealed and compacted to its end: no key is left twice.
        const keys = (await world.readAll()).map(({ key }) => key);
        expect(keys).toHaveLength(new Set(keys).size);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['compactionKeepsNewest', 'is missing'],
    ['tombstoneHorizon', 'went early'],
  ] as const)('without %s breaks its promise', async (rule, violation) => {
    const world = await openWorld();
    await world.produce([kvs('a1 b1')]);
    await world.produce([kvs('b- a2')]);
    await world.seal();
    const parts = { ...world.parts, rules: { ...world.parts.rules, [rule]: false } };
    await world.compact({}, parts);
    expect((await world.violations()).join()).toContain(violation);
  });
});
