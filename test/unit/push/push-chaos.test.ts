import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PushWorld, pushWorld, settingsOf } from './push-world.ts';

const PARTITIONS = 3;
const RECORDS = 20;
const HEALTHY_RUNS_MAX = 12;

/** One run on the schedule: whether its process dies, and how soon. */
const someRun = fc.record({
  diesMs: fc.option(fc.integer({ min: 100, max: 8_000 }), { nil: undefined }),
  pauseMs: fc.integer({ min: 0, max: 30_000 }),
});
interface Chaos {
  readonly runs: readonly { readonly diesMs: number | undefined; readonly pauseMs: number }[];
  /** Of every call: how likely the function fails, for no reason. */
  readonly failing: number;
  /** Partition and offset. */
  readonly poisons: readonly (readonly [number, number])[];
  readonly batchSize: number;
  readonly bisect: boolean;
  readonly maxRetries: number;
  readonly takesMs: number;
  readonly seed: number;
}

const someChaos: fc.Arbitrary<Chaos> = fc.record({
  runs: fc.array(someRun, { maxLength: 5 }),
  failing: fc.constantFrom(0, 0.1, 0.4),
  poisons: fc.array(fc.tuple(fc.nat(PARTITIONS - 1), fc.nat(RECORDS - 1)), { maxLength: 3 }),
  batchSize: fc.constantFrom(1, 4, 50),
  bisect: fc.boolean(),
  maxRetries: fc.nat(3),
  takesMs: fc.constantFrom(10, 700, 3_000),
  seed: fc.nat(),
});

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const ENDS = JSON.stringify(upTo(PARTITIONS).map((partition) => [partition, RECORDS]));

const poisonedOf = ({ poisons }: Chaos): ReadonlySet<string> =>
  new Set(poisons.map(([partition, offset]) => `t-${partition}:${offset}`));

async function worldOf(chaos: Chaos): Promise<PushWorld> {
  const poisoned = poisonedOf(chaos);
  let draws = chaos.seed;
  const draw = (): number => {
    draws = (Math.imul(draws, 1_664_525) + 1_013_904_223) >>> 0;
    return draws / 2 ** 32;
  };
  const world = await pushWorld({
    takesMs: chaos.takesMs,
    answer: (_, { place, offsets }) =>
      offsets.some((offset) => poisoned.has(`${place}:${offset}`)) || draw() < chaos.failing
        ? { kind: 'failed', error: { type: 'Error', message: 'no' } }
        : undefined,
  });
  await world.play(world.log.createTopic({ name: 't', partitionCount: PARTITIONS }, world.call()));
  for (const partition of upTo(PARTITIONS)) await world.produce('t', partition, ...upTo(RECORDS).map(String));
  return world;
}

/** Until everything is committed. */
async function playOut(world: PushWorld, { runs, batchSize, bisect, maxRetries }: Chaos): Promise<void> {
  const settings = settingsOf({ batchSize, bisect, maxRetries });
  for (const { diesMs, pauseMs } of runs) {
    const dying = diesMs === undefined ? {} : { diesMs };
    world.run(settings, { lastMs: 10_000, ...dying }).catch(() => undefined);
    await world.sleep(pauseMs);
  }
  // Whoever died is missed by then; the schedule goes on.
  await world.sleep(60_000);
  for (let healthy = 0; JSON.stringify(await world.committed('t')) !== ENDS; healthy += 1) {
    expect(healthy).toBeLessThan(HEALTHY_RUNS_MAX);
    await world.play(world.run(settings));
  }
}

function offsetsOf({ taken, letters }: PushWorld, partition: number) {
  const calls = taken.filter(({ place }) => place === `t-${partition}`);
  const own = letters.filter((letter) => letter.partition === partition);
  return {
    taken: [...new Set(calls.flatMap(({ offsets }) => offsets))],
    buried: own.flatMap(({ firstOffset, lastOffset }) =>
      upTo(lastOffset - firstOffset + 1).map((index) => firstOffset + index),
    ),
  };
}

describe('runs that die, overlap and meet a function that fails', () => {
  it('deliver or put aside every record, and none before those in front of it', async () => {
    const property = fc.asyncProperty(someChaos, async (chaos) => {
      const world = await worldOf(chaos);
      await playOut(world, chaos);
      const poisoned = poisonedOf(chaos);
      for (const partition of upTo(PARTITIONS)) {
        const { taken, buried } = offsetsOf(world, partition);
        const isPoison = (offset: number): boolean => poisoned.has(`t-${partition}:${offset}`);
        expect(taken).toEqual(taken.toSorted((a, b) => a - b));
        expect(taken.filter(isPoison)).toEqual([]);
        const all = [...new Set([...taken, ...buried])].toSorted((a, b) => a - b);
        expect(all).toEqual(upTo(RECORDS));
        // A function that fails with poison alone loses nothing else.
        if (chaos.failing === 0 && chaos.bisect) expect(buried.filter((one) => !isPoison(one))).toEqual([]);
      }
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
