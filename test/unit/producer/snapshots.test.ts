import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../lib/limits.ts';
import { engineParts } from '../../../lib/open-log.ts';
import { closePartition } from '../../../lib/partition/close-partition.ts';
import type { KnownProducer } from '../../../lib/producer/producers.ts';
import { producersKey, putSnapshot } from '../../../lib/producer/snapshot.ts';
import { type SealOutcome, sealOnce } from '../../../lib/segment/seal/seal.ts';
import { removeDeletedTopics } from '../../../lib/segment/sweep/delete-topic.ts';
import { sweepOnce } from '../../../lib/segment/sweep/sweep.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';
import { newScene, type Scene } from './support.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let clock: ManualClock;
let scene: Scene;
beforeEach(async () => {
  clock = manualClock();
  scene = await newScene({ clock });
});

const seal = (settings: { readonly segmentBytes?: number } = {}): Promise<SealOutcome> =>
  sealOnce(
    engineParts(scene.storage),
    scene.pk,
    { segmentBytes: 2 ** 26, segmentMs: -1_000, hotRetentionMs: 7 * DAY_MS, ...settings },
    scene.call(),
  );

/** Everything hot has expired. */
async function expireAll(): Promise<void> {
  for (const { baseOffset, version } of await scene.chunks()) {
    await scene.storage.hot.delete({ pk: scene.pk, sk: baseOffset }, { ifVersion: version }, scene.call());
  }
}

const one = (sequence: number, producerId = 1) => ({ producerId, sequence });
const cold = async (sequence: number, producerId = 1): Promise<string> =>
  scene.told(one(sequence, producerId), ['x'], { on: await scene.fresh() });

const producersOf = (count: number, lastSeenMs: number): Map<number, KnownProducer> =>
  new Map(
    Array.from({ length: count }, (_, producerId) => [
      producerId,
      { epoch: 0, lastSeenMs, batches: [{ firstSequence: 0, lastSequence: 0, baseOffset: 0 }] },
    ]),
  );

async function place(producers: Map<number, KnownProducer>, offset = 0): Promise<void> {
  const step = { offset, producers, before: { version: undefined }, fences: [] };
  expect((await putSnapshot(engineParts(scene.storage), scene.pk, step, scene.call())).stored).toBe(true);
}

const objects = async (): Promise<string[]> =>
  (await scene.storage.bucket.list('producers/', { limit: 99 }, scene.call())).objects.map(({ key }) => key);

describe('what is sealed', () => {
  it('is in the snapshot, so that a process that finds nothing hot still knows every producer', async () => {
    for (let sequence = 0; sequence < 7; sequence += 1) await scene.send(one(sequence), ['x']);
    await scene.plain('p');
    expect((await seal()).kind).toBe('sealed');
    expect((await scene.snapshot()).offset).toBe(8);
    await expireAll();
    expect(await cold(6)).toBe('6 again');
    expect(await cold(1)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await cold(8)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await cold(7)).toBe('8');
  });

  it('costs no snapshot where no producer id is in it', async () => {
    await scene.plain('p');
    await seal();
    expect((await scene.snapshot()).version).toBeUndefined();
    await scene.send(one(0), ['x']);
    await seal();
    const { version } = await scene.snapshot();
    await scene.plain('p');
    await seal();
    expect((await scene.snapshot()).version).toBe(version);
  });

  it('as an adopted object is in the snapshot too', async () => {
    await scene.plain('p');
    await seal();
    await scene.send(one(0), ['x'.repeat(50_000)]);
    const sealed = await seal({ segmentBytes: 60_000 });
    expect(sealed.kind === 'sealed' && sealed.segment.objectKey?.startsWith('spill/')).toBe(true);
    await expireAll();
    expect(await scene.told(one(0), ['x'], { on: await scene.fresh() })).toBe('1 again');
  });

  it('as a stub, because it was deleted before, is in the snapshot although nobody read it', async () => {
    for (let sequence = 0; sequence < 3; sequence += 1) await scene.send(one(sequence), ['x']);
    await scene.plain('p');
    await scene.log.deleteRecords({ topic: 't', partition: 0, offset: -1 }, scene.call());
    const sealed = await seal();
    expect(sealed.kind === 'sealed' && sealed.segment.objectKey).toBeUndefined();
    await expireAll();
    expect(await cold(2)).toBe('2 again');
    expect(await cold(3)).toBe('4');
  });

  it('by a sealer that is behind leaves a newer snapshot as it is', async () => {
    for (let sequence = 0; sequence < 3; sequence += 1) await scene.send(one(sequence), ['x']);
    const { producers } = await (async () => {
      await seal();
      return scene.snapshot();
    })();
    await scene.send(one(3), ['x']);
    const parts = engineParts(scene.storage);
    const before = await scene.snapshot();
    const later = new Map([
      [1, { epoch: 0, lastSeenMs: clock.wallMs(), batches: [...(producers.get(1)?.batches ?? [])] }],
    ]);
    later.get(1)?.batches.push({ firstSequence: 3, lastSequence: 3, baseOffset: 3 });
    await putSnapshot(parts, scene.pk, { offset: 4, producers: later, before, fences: [] }, scene.call());
    const { version } = await scene.snapshot();
    await seal();
    expect((await scene.snapshot()).version).toBe(version);
    expect(await cold(3)).toBe('3 again');
  });

  it('and hot chunks behind it are put together, wherever the snapshot lies between them', async () => {
    const small = { producerReplayChunksMax: 4 };
    const log = await scene.fresh(small);
    for (let sequence = 0; sequence < 40; sequence += 1) {
      await scene.send(one(sequence), ['x'], { on: log });
      if (sequence % 7 === 6) await seal();
      if (sequence % 3 === 2) await scene.plain('p', log);
      const known = await scene.fresh(small);
      expect(await scene.told(one(sequence), ['x'], { on: known })).toContain('again');
      expect(await scene.told(one(sequence + 2), ['x'], { on: known })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    }
  });
});

describe('a process that was away', () => {
  it('while others wrote, sealed and expired what it knew goes on from the snapshot', async () => {
    const sleeper = await scene.fresh();
    await scene.send(one(0), ['x'], { on: sleeper });
    await scene.send(one(1), ['x']);
    await seal();
    await expireAll();
    await scene.send(one(2), ['x']);
    clock.advance(61_000);
    expect(await scene.told(one(2), ['x'], { on: sleeper })).toBe('2 again');
    expect(await scene.told(one(1), ['x'], { on: sleeper })).toBe('1 again');
    expect(await scene.told(one(3), ['x'], { on: sleeper })).toBe('3');
  });

  it('while others wrote more than it may replay goes on from the snapshot', async () => {
    const sleeper = await scene.fresh({ producerReplayChunksMax: 4 });
    const awake = await scene.fresh({ producerReplayChunksMax: 4 });
    await scene.send(one(0), ['x'], { on: sleeper });
    for (let sequence = 1; sequence < 20; sequence += 1)
      await scene.send(one(sequence), ['x'], { on: awake });
    clock.advance(61_000);
    expect(await scene.told(one(19), ['x'], { on: sleeper })).toBe('19 again');
    expect(await scene.told(one(20), ['x'], { on: sleeper })).toBe('20');
  });
});

describe('a partition with many producers', () => {
  it('keeps them in an object, and the sweep takes those that were replaced', async () => {
    await place(producersOf(20_000, clock.wallMs()), 0);
    await scene.send(one(1, 19_999), ['x']);
    expect((await objects()).length).toBe(1);
    await seal();
    const both = await objects();
    expect(both.length).toBe(2);
    clock.advance(DAY_MS - HOUR_MS);
    await scene.send(one(2, 19_999), ['x']);
    clock.advance(2 * HOUR_MS);
    await sweepOnce(engineParts(scene.storage), {}, scene.call());
    const left = await objects();
    expect(left.length).toBe(1);
    expect(both).toContain(left[0]);
    expect((await scene.snapshot()).producers.size).toBe(20_000);
    expect(await cold(2, 19_999)).toBe('1 again');
    expect(await cold(1, 4)).toBe('2');
  });

  it('takes no more than there is room for, until old ones can be forgotten', async () => {
    const max = LIMITS.producersPerPartitionMax;
    const producers = producersOf(max, clock.wallMs());
    await place(producers);
    expect(await scene.told(one(0, max), ['x'])).toBe('THROTTLING_QUOTA_EXCEEDED');
    expect(await scene.told(one(1, 5), ['x'])).toBe('0');
    clock.advance(LIMITS.producerLifeMs + 1);
    expect(await scene.told(one(0, max), ['x'])).toBe('1');
    const { producers: left, offset } = await scene.snapshot();
    expect({ ids: [...left.keys()], offset }).toEqual({ ids: [5], offset: 1 });
  });
});

describe('a snapshot', () => {
  it('of a topic that is deleted goes with it, and its objects', async () => {
    await place(producersOf(2_000, clock.wallMs()));
    await scene.send(one(1), ['x']);
    await seal();
    await scene.log.deleteTopic('t', scene.call());
    const parts = engineParts(scene.storage);
    await removeDeletedTopics(parts, { leavesToExpiry: true }, scene.call());
    clock.advance(2 * HOUR_MS);
    await removeDeletedTopics(parts, { leavesToExpiry: true }, scene.call());
    const range = { limit: 9, consistent: true };
    const { items } = await parts.catalog.query(producersKey(scene.pk), range, scene.call());
    expect({ items, objects: await objects() }).toEqual({ items: [], objects: [] });
  });

  it('whose object is gone fails those who need it, by name, and nobody else', async () => {
    await place(producersOf(2_000, clock.wallMs()));
    await scene.storage.bucket.delete(await objects(), scene.call());
    expect(await cold(1)).toBe('KAFKA_STORAGE_ERROR');
    expect(await scene.plain('p')).toBe(0);
  });

  it('that tells of more than the log holds is not answered from', async () => {
    await place(producersOf(1, clock.wallMs()), 5);
    expect(await cold(0, 0)).toBe('KAFKA_STORAGE_ERROR');
    expect(await scene.plain('p')).toBe(0);
  });

  it('is not needed where the producer meets a gap in what was deleted, but where data is missing it is refused', async () => {
    for (let sequence = 0; sequence < 6; sequence += 1) await scene.send(one(sequence), ['x']);
    const lost = (await scene.chunks())[2];
    await scene.storage.hot.delete({ pk: scene.pk, sk: 2 }, { ifVersion: lost?.version ?? '' }, scene.call());
    expect(await cold(6)).toBe('KAFKA_STORAGE_ERROR');
    expect(await scene.plain('p', await scene.fresh())).toBe(6);
    await scene.log.deleteRecords({ topic: 't', partition: 0, offset: 3 }, scene.call());
    expect(await cold(5)).toBe('5 again');
    expect(await cold(6)).toBe('7');
  });

  it('is put by nobody once the partition is closed', async () => {
    await scene.send(one(0), ['x']);
    await closePartition(engineParts(scene.storage), scene.pk, scene.call());
    expect(await cold(1)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect((await scene.snapshot()).version).toBeUndefined();
    expect((await scene.chunks()).at(-1)).toMatchObject({ body: { kind: 'closed' }, producersEnd: 1 });
  });
});

it('a chunk whose bytes lie in an object tells of its producers without them', async () => {
  const spilled = await newScene({ clock, configs: { 'hot.inline.max.bytes': '100' } });
  for (let sequence = 0; sequence < 4; sequence += 1) await spilled.send(one(sequence), ['x'.repeat(200)]);
  const call = spilled.call();
  expect(await spilled.told(one(3), ['x'], { on: await spilled.fresh(), call })).toBe('3 again');
  expect(call.meter.usage.objectGets).toBe(0);
});
