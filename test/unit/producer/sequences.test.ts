import { beforeEach, describe, expect, it } from 'vitest';
import { batchOf, refusal } from '../../support/log-on-memory.ts';
import { numberedBatch } from '../../support/producer-batches.ts';
import { newScene, type Scene } from './support.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await newScene();
});

const first = (sequence: number, epoch = 0) => ({ producerId: 1, epoch, sequence });

describe('an idempotent producer', () => {
  it('whose batch comes again gets its first offset, and it is stored once, in any process', async () => {
    await scene.plain('before');
    expect(await scene.told(first(0), ['a', 'b'])).toBe('1');
    expect(await scene.told(first(0), ['a', 'b'])).toBe('1 again');
    expect(await scene.told(first(0), ['a', 'b'], { on: await scene.fresh() })).toBe('1 again');
    expect(await scene.told(first(2), ['c'], { on: await scene.fresh() })).toBe('3');
    expect(await scene.all()).toEqual(['0:before', '1:a', '2:b', '3:c']);
  });

  it('is refused a gap, a part of a batch, an old epoch, and a new epoch that does not begin at 0', async () => {
    await scene.send(first(0), ['a', 'b']);
    expect(await scene.told(first(3), ['x'])).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await scene.told(first(1), ['b'])).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await scene.told(first(1, 1), ['x'])).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await scene.told(first(0, 1), ['c'])).toBe('2');
    expect(await scene.told(first(2), ['x'])).toBe('INVALID_PRODUCER_EPOCH');
    expect(await scene.all()).toEqual(['0:a', '1:b', '2:c']);
  });

  it('that nobody knows may begin anywhere', async () => {
    expect(await scene.told(first(77), ['a'])).toBe('0');
    expect(await scene.told(first(78), ['b'])).toBe('1');
  });

  it('may have five batches in flight, and repeat them all', async () => {
    const sequences = [0, 1, 2, 3, 4];
    const sent = (on = scene.log): Promise<string[]> =>
      Promise.all(sequences.map((sequence) => scene.told(first(sequence), [`v${sequence}`], { on })));
    expect(await sent()).toEqual(['0', '1', '2', '3', '4']);
    expect(await sent()).toEqual(['0 again', '1 again', '2 again', '3 again', '4 again']);
    expect(await sent(await scene.fresh())).toEqual(['0 again', '1 again', '2 again', '3 again', '4 again']);
    expect((await scene.all()).length).toBe(5);
  });

  it('whose batches overtake each other on the way is not told of gaps, as long as they meet in one chunk', async () => {
    // The first append holds the others back until they are together.
    const told = await Promise.all([
      scene.plain('holds'),
      scene.told(first(0), ['a']),
      scene.told(first(2), ['c']),
      scene.told(first(1), ['b']),
    ]);
    expect(told).toEqual([0, '1', '3', '2']);
  });

  it('that repeats a batch while the first is still waiting stores it once and hears of one offset', async () => {
    const told = await Promise.all([
      scene.plain('holds'),
      scene.told(first(0), ['a']),
      scene.told(first(0), ['a']),
      scene.told(first(1), ['b']),
      scene.told(first(0), ['a']),
    ]);
    expect(told).toEqual([0, '1', '1 again', '2', '1 again']);
    expect(await scene.all()).toEqual(['0:holds', '1:a', '2:b']);
  });

  it('hears of a gap only from a look that is younger than the request', async () => {
    const other = await scene.fresh();
    await scene.send(first(0), ['a']);
    // Knows the tail behind `a`, and does not hear of `b`.
    await scene.send({ producerId: 2, sequence: 0 }, ['x'], { on: other });
    await scene.send(first(1), ['b']);
    expect(await scene.told(first(2), ['c'], { on: other })).toBe('3');
  });

  it('sends one batch at a time', async () => {
    const two = Buffer.concat([numberedBatch(first(0), 'a'), numberedBatch(first(1), 'b')]);
    const mixed = Buffer.concat([batchOf('a'), numberedBatch(first(0), 'b')]);
    for (const batches of [two, mixed]) {
      const produced = scene.log.produce({ topic: 't', partition: 0, batches }, scene.call());
      expect(await refusal(produced)).toBe('INVALID_RECORD');
    }
    expect(await scene.all()).toEqual([]);
  });

  it('may also send a key: whichever of the two is known tells', async () => {
    expect(await scene.told(first(0), ['a'], { idempotencyKey: 'k' })).toBe('0');
    expect(await scene.told(first(0), ['a'], { idempotencyKey: 'k' })).toBe('0 again');
    expect(await scene.told(first(0), ['a'], { idempotencyKey: 'other' })).toBe('0 again');
    expect(await scene.told(first(1), ['b'], { idempotencyKey: 'k' })).toBe('INVALID_REQUEST');
    expect(await scene.told(first(1), ['b'])).toBe('1');
  });

  it('that repeats what was too large to be inline uploads nothing', async () => {
    const large = 'x'.repeat(20_000);
    await scene.send(first(0), [large]);
    const on = await scene.fresh();
    const again = scene.call();
    expect(await scene.told(first(0), [large], { on, call: again })).toBe('0 again');
    expect(again.meter.usage).toMatchObject({ objectPuts: 0, tableWrites: 0 });
    expect(await scene.told(first(1), [large], { on })).toBe('1');
    expect(await scene.told(first(1), [large], { on: await scene.fresh() })).toBe('1 again');
  });

  it('is told apart by the newest epoch even among the batches of one chunk', async () => {
    const told = await Promise.all([
      scene.plain('holds'),
      scene.told(first(0), ['a']),
      scene.told(first(0, 1), ['b']),
      scene.told(first(1), ['c']),
      scene.told(first(1, 1), ['d']),
    ]);
    expect(told).toEqual([0, '1', '2', 'INVALID_PRODUCER_EPOCH', '3']);
  });
});

describe('two processes', () => {
  it('that are sent the same batches at once store each of them once, whoever wins', async () => {
    const logs = await Promise.all([scene.fresh(), scene.fresh(), scene.fresh()]);
    for (let sequence = 0; sequence < 30; sequence += 1) {
      const told = await Promise.all(logs.map((on) => scene.told(first(sequence), [`v${sequence}`], { on })));
      expect(told.map((text) => text.split(' ')[0])).toEqual([`${sequence}`, `${sequence}`, `${sequence}`]);
      expect(told.filter((text) => !text.includes('again')).length).toBe(1);
    }
    expect((await scene.all()).length).toBe(30);
  });

  it('keep many producers apart', async () => {
    const logs = await Promise.all([scene.fresh(), scene.fresh()]);
    const producers = Array.from({ length: 20 }, (_, producerId) => producerId);
    for (let sequence = 0; sequence < 10; sequence += 1) {
      const told = await Promise.all(
        producers.flatMap((producerId) =>
          logs.map((on) => scene.told({ producerId, sequence }, [`${producerId}/${sequence}`], { on })),
        ),
      );
      expect(told.filter((text) => !text.includes('again')).length).toBe(20);
      expect(told.every((text) => /^\d+( again)?$/.test(text))).toBe(true);
    }
    const values = (await scene.all()).map((text) => text.split(':')[1]);
    expect(new Set(values).size).toBe(200);
    expect(values.length).toBe(200);
  });
});
