import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CompressionName } from '../../../../lib/record/compression/names.ts';
import type { PartitionCopier } from '../../../../lib/replication/copy/copier.ts';
import { openRegions, type Regions } from './regions.ts';

type Step =
  | {
      readonly kind: 'produce';
      readonly key: number;
      readonly bytes: number;
      readonly codec: CompressionName;
    }
  | { readonly kind: 'seal' | 'compact' | 'sealCopy' | 'forget' }
  | { readonly kind: 'trim'; readonly share: number }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Copiers at once, each with the bytes that its step may copy. */
  | { readonly kind: 'copy'; readonly sizes: readonly number[] };

const COPIERS = 3;
const sizes = fc.integer({ min: 1, max: 60_000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('produce' as const),
      key: fc.integer({ min: 0, max: 5 }),
      bytes: fc.constantFrom(1, 100, 5_000, 30_000),
      codec: fc.constantFrom<CompressionName>('none', 'gzip', 'snappy', 'lz4', 'zstd'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('copy' as const),
      sizes: fc.array(sizes, { minLength: 1, maxLength: COPIERS }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('seal', 'compact', 'sealCopy', 'forget') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('trim' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(1_000, 61_000, 1_300_000_000),
    }),
  },
);

interface World {
  readonly regions: Regions;
  /** Every record that the source ever had, by its offset. */
  readonly history: Map<number, string>;
  copiers: PartitionCopier[];
}

async function open(isCompacted: boolean): Promise<World> {
  const regions = await openRegions(isCompacted ? { configs: { 'cleanup.policy': 'compact' } } : {});
  return { regions, history: new Map(), copiers: newCopiers(regions) };
}

const newCopiers = (regions: Regions): PartitionCopier[] =>
  Array.from({ length: COPIERS }, () => regions.copier());

async function take(world: World, one: Step): Promise<void> {
  const { regions, history } = world;
  const { source, target, clock } = regions;
  switch (one.kind) {
    case 'produce': {
      const values = [`${history.size}`.padEnd(one.bytes, 'x'), `${history.size} b`];
      const first = await source.produce(values, { key: `k${one.key}`, compression: one.codec });
      for (const [i, value] of values.entries()) history.set(first + i, `${first + i}:k${one.key}=${value}`);
      return;
    }
    case 'seal':
      return source.seal();
    case 'compact':
      return source.compact();
    case 'sealCopy':
      return target.seal();
    case 'forget':
      world.copiers = newCopiers(regions);
      return;
    case 'trim': {
      const end = await source.latest();
      const start = (
        await source.log.listOffsets({ topic: 'orders', partition: 0, at: 'earliest' }, source.call())
      ).offset;
      return source.trimTo(start + Math.floor((end - start) * one.share));
    }
    case 'wait':
      return clock.advance(one.ms);
    case 'copy':
      await Promise.all(
        one.sizes.map(async (bytesMax, i) => {
          const outcome = await regions.step(world.copiers[i] ?? regions.copier(), { bytesMax });
          expect(['copied', 'caughtUp']).toContain(outcome.kind);
        }),
      );
  }
}

async function check({ regions, history }: World): Promise<void> {
  const { source, target } = regions;
  const copied = await target.records();
  // Nothing that the source never had, nothing twice, in order, at its own offset.
  const offsets = copied.map((text) => Number.parseInt(text, 10));
  expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
  for (const text of copied) expect(history.get(Number.parseInt(text, 10))).toBe(text);
  // And all that the source has.
  const known = new Set(copied);
  const first = offsets[0] ?? Number.POSITIVE_INFINITY;
  expect(
    (await source.records()).filter((text) => Number.parseInt(text, 10) >= first && !known.has(text)),
  ).toEqual([]);
  // Nobody pushes expiry out here, however long it is waited.
  expect((await target.findings()).filter((finding) => !finding.startsWith('expiry'))).toEqual([]);
}

it('a copy has every record of its source once, at its offset, whatever has happened to either', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(step, { minLength: 5, maxLength: 40 }),
      async (isCompacted, steps) => {
        const world = await open(isCompacted);
        for (const one of steps) await take(world, one);
        await world.regions.copyAll(world.copiers[0]);
        await check(world);
        await world.regions.target.seal();
        await check(world);
        const { latest } = world.regions.source;
        const { position } = world.copiers[0] ?? {};
        expect(position).toBeLessThanOrEqual(await latest());
      },
    ),
    { numRuns: 60 },
  );
});
