import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { producerBatches } from '../../../lib/producer/chunk-producers.ts';
import { type KnownProducer, withBatch } from '../../../lib/producer/producers.ts';
import { sealOnce } from '../../../lib/segment/seal/seal.ts';
import { verifyTopic } from '../../../lib/segment/verify/verify.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import type { Item, PutOptions, SortKey, Table } from '../../../lib/storage/table.ts';
import { TopicCatalog } from '../../../lib/topic/topic-catalog.ts';
import { memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';
import { type VirtualClock, virtualClock } from '../storage/virtual-clock.ts';
import { newScene, type Scene } from './support.ts';

/** What befalls a request: nothing most of the time. */
type Fate = 'fine' | 'lostBefore' | 'lostAfter' | 'arrivesLate' | 'refused' | 'sleeps' | 'sleepsLong';

/** Together less than a producer is remembered. */
const LONG_SLEEPS_MAX = 8;

interface Fates {
  next(): Fate;
}

/** A process whose requests meet these fates, in the order in which they are made. */
function unlucky(storage: LogOptions, clock: VirtualClock, fates: Fates): LogOptions {
  const late: (() => Promise<unknown>)[] = [];
  const flushed = async <T>(work: () => Promise<T>): Promise<T> => {
    if (late.length > 2) await late.shift()?.();
    return work();
  };
  const suffer = async <T>(work: () => Promise<T>, writes: boolean): Promise<T> => {
    const fate = fates.next();
    const lost = (): StorageFault =>
      new StorageFault('interrupted', 'lost', writes ? { mayHaveHappened: true } : {});
    switch (fate) {
      case 'lostBefore':
        throw lost();
      case 'lostAfter':
        await work();
        throw lost();
      case 'arrivesLate':
        if (writes) late.push(() => work().catch(() => undefined));
        throw lost();
      case 'refused':
        throw new StorageFault('refused', 'not today');
      case 'sleeps':
        clock.advance(20_000);
        return flushed(work);
      case 'sleepsLong':
        clock.advance(7_200_000);
        return flushed(work);
      case 'fine':
        return flushed(work);
    }
  };
  const table = <S extends SortKey>(of: Table<S>): Table<S> => ({
    ...of,
    get: (...args) => suffer(() => of.get(...args), false),
    query: (...args) => suffer(() => of.query(...args), false),
    put: (item: Item<S>, options: PutOptions, call) => suffer(() => of.put(item, options, call), true),
  });
  return { ...storage, hot: table(storage.hot), catalog: table(storage.catalog) };
}

interface World {
  readonly scene: Scene;
  readonly clock: VirtualClock;
  readonly logs: readonly Log[];
  readonly seal: () => Promise<void>;
}

async function newWorld(fates: readonly Fate[]): Promise<World> {
  const clock = virtualClock();
  const storage = memoryStorage(clock);
  const scene = await newScene({ storage });
  let at = 0;
  let longSleepsLeft = LONG_SLEEPS_MAX;
  const source: Fates = {
    next: () => {
      at += 1;
      const drawn = fates[at % fates.length] ?? 'fine';
      if (drawn !== 'sleepsLong') return drawn;
      longSleepsLeft -= 1;
      return longSleepsLeft < 0 ? 'sleeps' : drawn;
    },
  };
  const small = { producerReplayChunksMax: 8 };
  const { clusterId } = scene.log;
  const options = { ...unlucky(storage, clock, source), ...small, clusterId };
  const logs = await Promise.all([1, 2, 3].map(() => openMemoryLog(options)));
  const settings = { segmentBytes: 600, segmentMs: 86_400_000, hotRetentionMs: 604_800_000 };
  const seal = async (): Promise<void> => {
    await sealOnce(engineParts(options), scene.pk, settings, newCall(clock)).catch(() => undefined);
  };
  return { scene, clock, logs, seal };
}

/** Sends one batch until it is answered, through any process; a producer that is never answered fails the test. */
async function sendUntilTold(
  { scene, clock, logs }: World,
  numbered: { readonly producerId: number; readonly sequence: number },
  pick: () => number,
): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const on = logs[pick() % logs.length] ?? scene.log;
    const call = newCall(clock, { ms: 3_000 });
    const value = `${numbered.producerId}/${numbered.sequence}`;
    const told = await scene.told(numbered, [value], { on, call });
    if (/^\d/.test(told)) return Number(told.split(' ')[0]);
    const mayGoOn = ['REQUEST_TIMED_OUT', 'KAFKA_STORAGE_ERROR', 'OUT_OF_ORDER_SEQUENCE_NUMBER'];
    expect(mayGoOn).toContain(told);
  }
  throw new Error(`never told of ${JSON.stringify(numbered)}`);
}

const fate = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Fate>('fine') },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Fate>('lostBefore', 'lostAfter', 'arrivesLate', 'refused', 'sleeps'),
  },
  { weight: 1, arbitrary: fc.constant<Fate>('sleepsLong') },
);

async function expectSound({ scene, clock }: World): Promise<void> {
  const parts = engineParts(scene.storage);
  const topics = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  const report = await verifyTopic(parts, await topics.describe('t', scene.call()), newCall(clock));
  expect(report.findings).toEqual([]);
  // Nothing hot has expired here, so the fold over all of it is the truth.
  const snapshot = await scene.snapshot();
  const fold = new Map<number, KnownProducer>();
  for (const chunk of await scene.chunks()) {
    for (const batch of producerBatches(chunk)) {
      if (batch.baseOffset >= snapshot.offset) continue;
      fold.set(batch.producerId, withBatch(fold.get(batch.producerId), batch));
    }
  }
  const kept = ({ epoch, batches }: KnownProducer) => ({ epoch, batches });
  for (const [producerId, known] of snapshot.producers) {
    expect(kept(known)).toEqual(kept(fold.get(producerId) ?? { epoch: -1, batches: [], lastSeenMs: 0 }));
  }
}

type Told = Map<string, number>;

/** Each producer sends three batches at once, while others append and seal. Then one of them is sent again. */
async function playRound(world: World, offsets: Told, round: number, pick: () => number): Promise<void> {
  const send = async (producerId: number, sequence: number): Promise<void> => {
    const offset = await sendUntilTold(world, { producerId, sequence }, pick);
    expect(offset).toBe(offsets.get(`${producerId}/${sequence}`) ?? offset);
    offsets.set(`${producerId}/${sequence}`, offset);
  };
  const sends = [1, 2].flatMap((producerId) => [1, 2, 3].map((i) => send(producerId, round * 3 + i)));
  // Time flies while the others sleep, so it may be too late.
  const plain = world.scene.plain('p').catch(() => undefined);
  await Promise.all([...sends, plain, pick() % 3 === 0 ? world.seal() : undefined]);
  await send(1 + (pick() % 2), round * 3 + 3);
}

const ROUNDS = 6;
const BATCHES = ROUNDS * 3 + 1;

async function expectOnce({ scene }: World, offsets: Told): Promise<void> {
  const stored = (await scene.all()).filter((text) => !text.endsWith(':p'));
  expect(stored.length).toBe(2 * BATCHES);
  for (const [value, offset] of offsets) expect(stored).toContain(`${offset}:${value}`);
  for (const producerId of [1, 2]) {
    const values = stored.map((text) => text.split(':')[1] ?? '');
    const own = values.filter((value) => value.startsWith(`${producerId}/`));
    expect(own).toEqual(Array.from({ length: BATCHES }, (_, sequence) => `${producerId}/${sequence}`));
  }
}

describe('processes whose requests are lost, late, refused and slept through', () => {
  it('store every batch once, in order, and answer it with its one offset', {
    timeout: 120_000,
  }, async () => {
    const picks = fc.array(fc.nat(1_000), { minLength: 50, maxLength: 50 });
    const fates = fc.array(fate, { minLength: 200, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(fates, picks, async (drawn, picked) => {
        const world = await newWorld(drawn);
        let at = 0;
        const pick = (): number => {
          at += 1;
          return picked[at % picked.length] ?? 0;
        };
        const offsets: Told = new Map();
        // A producer that is not known may begin anywhere, so its first batch goes alone.
        for (const producerId of [1, 2]) {
          offsets.set(`${producerId}/0`, await sendUntilTold(world, { producerId, sequence: 0 }, pick));
        }
        for (let round = 0; round < ROUNDS; round += 1) await playRound(world, offsets, round, pick);
        await expectOnce(world, offsets);
        await expectSound(world);
      }),
      { numRuns: 12 },
    );
  });
});
