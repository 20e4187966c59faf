import { describe, expect, it } from 'vitest';
import { recordsOf } from '../../../lib/client/consumer/consumed-record.ts';
import type { Consumer } from '../../../lib/client/consumer/consumer.ts';
import { HEADER_BYTES } from '../../../lib/record/index.ts';
import { batchOf, codecs } from '../../support/log-on-memory.ts';
import { readSome, textOfRecord } from './consumer-world.ts';
import { type MergedWorld, mergedWorld, originOf, PLACE } from './merged-world.ts';

/** Reads what there is now, all of it done with, and closes the consumer. */
async function readNow(world: MergedWorld, consumer: Consumer): Promise<string[]> {
  const read: string[] = [];
  const loop = (async () => {
    for await (const record of consumer) read.push(textOfRecord(record));
  })();
  await world.clock.sleep(60_000);
  await consumer.close();
  await loop;
  return read;
}

/** West has produced four records and east two; each has copied the other's, east one more than west knows of. */
async function twoRegions(): Promise<MergedWorld> {
  const world = await mergedWorld('west', 'east');
  await world.produce('east', 2);
  await world.produce('west', 2);
  await world.copy('east', 'west');
  await world.copy('west', 'east');
  await world.produce('west', 2);
  await world.copy('west', 'east');
  return world;
}

const vectorIn = (world: MergedWorld) => async (): Promise<Record<string, number> | undefined> => {
  const found = await world.committed('east');
  return found?.vector === undefined ? undefined : Object.fromEntries(found.vector);
};

/** What a group has read behind the first record of here. */
const READ_BEHIND = new Map([
  ['', 2],
  ['west', 5],
]);

describe('a consumer whose group has read behind its position', () => {
  it('passes over what has been read, whichever region it was produced in, and says the rest with its commits', async () => {
    const world = await twoRegions();
    expect(await world.region('east').values()).toEqual([
      'east 0',
      'east 1',
      'west 0',
      'west 1',
      'west 4',
      'west 5',
    ]);
    await world.commit('east', 1, READ_BEHIND);
    const consumer = await world.consumer('east', {});
    expect(await readNow(world, consumer)).toEqual(['west 5']);
    expect(await world.committed('east')).toMatchObject({ offset: 6 });
    expect(await vectorIn(world)()).toBeUndefined();
  });

  it('keeps what has not shown up yet, for as long as it takes', async () => {
    const world = await twoRegions();
    await world.commit(
      'east',
      4,
      new Map([
        ['west', 8],
        ['north', 3],
      ]),
    );
    expect(await readNow(world, await world.consumer('east', {}))).toEqual([]);
    expect(await world.committed('east')).toMatchObject({ offset: 6 });
    expect(await vectorIn(world)()).toEqual({ west: 8, north: 3 });
    await world.produce('west', 3);
    await world.copy('west', 'east');
    expect(await readNow(world, await world.consumer('east', {}))).toEqual(['west 8']);
    expect(await vectorIn(world)()).toEqual({ north: 3 });
  });

  it('commits on the way what is still to be passed over', async () => {
    const world = await twoRegions();
    await world.commit('east', 0, new Map([['west', 5]]));
    const consumer = await world.consumer('east', { autoCommit: false });
    expect(await readSome(consumer, 1)).toEqual(['east 0']);
    await consumer.commit();
    expect(await world.committed('east')).toMatchObject({ offset: 1 });
    expect(await vectorIn(world)()).toEqual({ west: 5 });
    await consumer.close();
    expect(await readNow(world, await world.consumer('east', {}))).toEqual(['east 1', 'west 5']);
  });

  it('commits with an offset of its own choice what was to be passed over behind that', async () => {
    const world = await twoRegions();
    await world.commit('east', 1, new Map([['west', 5]]));
    const consumer = await world.consumer('east', { autoCommit: false });
    expect(await readSome(consumer, 2)).toEqual(['east 1', 'west 5']);
    // Reading has passed all of it; the record at 1 is done with, and what is behind that will be met again.
    await consumer.commit([{ ...PLACE, offset: 2 }]);
    expect(await vectorIn(world)()).toEqual({ west: 5 });
    await consumer.commit([{ ...PLACE, offset: 5 }]);
    expect(await vectorIn(world)()).toBeUndefined();
    // Before what the consumer began with: somebody wants all of it again.
    await consumer.commit([{ ...PLACE, offset: 0 }]);
    expect(await vectorIn(world)()).toBeUndefined();
    await consumer.commit([{ ...PLACE, offset: 2, vector: new Map([['west', 3]]) }]);
    expect(await vectorIn(world)()).toEqual({ west: 3 });
    await consumer.close();
  });

  it('commits again what it read ahead of, when it is given up with the vector of that offset', async () => {
    const world = await twoRegions();
    await world.commit('east', 0, new Map([['west', 5]]));
    const consumer = await world.consumer('east', {});
    // The second record is in the loop's hands when it ends: not done with.
    expect(await readSome(consumer, 2)).toEqual(['east 0', 'east 1']);
    await consumer.close();
    expect(await world.committed('east')).toMatchObject({ offset: 1 });
    expect(await vectorIn(world)()).toEqual({ west: 5 });
  });

  it('is given everything behind the place that it seeks', async () => {
    const world = await twoRegions();
    await world.commit('east', 1, READ_BEHIND);
    const consumer = await world.consumer('east', {});
    expect(await readSome(consumer, 1)).toEqual(['west 5']);
    await consumer.seek({ ...PLACE, to: 1 });
    expect(await readSome(consumer, 2)).toEqual(['east 1', 'west 0']);
    await consumer.commit();
    expect(await vectorIn(world)()).toBeUndefined();
    await consumer.close();
  });

  it('commits the place that it seeks, even where that is the committed offset', async () => {
    const world = await twoRegions();
    await world.commit('east', 1, new Map([['west', 5]]));
    const consumer = await world.consumer('east', {
      onAssigned: () => consumer.seek({ ...PLACE, to: 1 }),
    });
    const loop = readSome(consumer, 1);
    expect(await loop).toEqual(['east 1']);
    expect(await world.committed('east')).toMatchObject({ offset: 1 });
    expect(await vectorIn(world)()).toBeUndefined();
    await consumer.close();
  });

  it('is given everything where its position has been trimmed', async () => {
    const world = await twoRegions();
    await world.commit('east', 1, READ_BEHIND);
    await world.region('east').trimTo(3);
    expect(await readNow(world, await world.consumer('east', {}))).toEqual(['west 1', 'west 4', 'west 5']);
    expect(await vectorIn(world)()).toBeUndefined();
  });

  it('still knows after a pause, and when another loop begins', async () => {
    const world = await twoRegions();
    await world.commit('east', 0, new Map([['west', 5]]));
    const consumer = await world.consumer('east', { autoCommit: false });
    expect(await readSome(consumer, 1)).toEqual(['east 0']);
    consumer.pause();
    consumer.resume();
    // The first loop was left in the middle of the record: it comes again.
    expect(await readSome(consumer, 3)).toEqual(['east 0', 'east 1', 'west 5']);
    await consumer.close();
  });

  it('knows what is committed once it has taken the partition over again', async () => {
    const world = await twoRegions();
    await world.commit('east', 1, new Map([['west', 5]]));
    const consumer = await world.consumer('east', { autoCommit: false });
    expect(await readSome(consumer, 2)).toEqual(['east 1', 'west 5']);
    await consumer.seek({ ...PLACE, to: 0 });
    await consumer.retake(PLACE);
    expect(await readSome(consumer, 2)).toEqual(['east 1', 'west 5']);
    await consumer.close();
  });

  it('stores with the position behind a record what is to be passed over behind that', async () => {
    const world = await twoRegions();
    await world.commit('east', 0, new Map([['west', 5]]));
    const consumer = await world.consumer('east', { autoCommit: false });
    const store = world.region('east').storage.catalog.put;
    for await (const record of consumer) {
      await consumer.commitWithin(record, store);
      if (textOfRecord(record) === 'east 1') break;
    }
    expect(await world.committed('east')).toMatchObject({ offset: 2 });
    expect(await vectorIn(world)()).toEqual({ west: 5 });
    await consumer.close();
    expect(await readNow(world, await world.consumer('east', {}))).toEqual(['west 5']);
  });

  it('hands it on to whoever takes the partition over', async () => {
    const world = await twoRegions();
    await world.commit('east', 1, new Map([['west', 5]]));
    const [a, b] = [await world.consumer('east', {}), await world.consumer('east', {})];
    const read: string[] = [];
    const loopOf = async (consumer: Consumer): Promise<void> => {
      for await (const record of consumer) {
        read.push(textOfRecord(record));
        await world.clock.sleep(20_000);
      }
    };
    const loops = [loopOf(a), loopOf(b)];
    await world.clock.sleep(10_000);
    const [owner, other] = a.assignment().length > 0 ? [a, b] : [b, a];
    await owner.close();
    await world.clock.sleep(120_000);
    await other.close();
    await Promise.all(loops);
    expect(read.filter((value) => originOf(value).alias === 'west')).toEqual(['west 5']);
  });

  it('that chose its partitions itself passes over as well, and commits from outside', async () => {
    const world = await twoRegions();
    await world.commit('east', 0, new Map([['west', 8]]));
    const consumer = await world.consumer('east', { topics: undefined } as never);
    await consumer.assign([PLACE]);
    expect(await readNow(world, consumer)).toEqual(['east 0', 'east 1']);
    expect(await world.committed('east')).toMatchObject({ offset: 6 });
    expect(await vectorIn(world)()).toEqual({ west: 8 });
  });

  it('is given all of a topic that was made again, where it chose the partition by its name', async () => {
    const world = await twoRegions();
    await world.commit('east', 1, new Map([['', 6]]));
    const consumer = await world.consumer('east', { topics: undefined } as never);
    await consumer.assign([PLACE]);
    consumer.pause();
    const { log, call } = world.region('east');
    await log.deleteTopic(PLACE.topic, call());
    await log.createTopic({ name: PLACE.topic, partitionCount: 1 }, call());
    await world.produce('east', 3);
    await world.clock.sleep(120_000);
    consumer.resume();
    await expect(readSome(consumer, 1)).rejects.toThrow();
    expect(await readSome(consumer, 2)).toEqual(['east 1', 'east 2']);
    await consumer.close();
  });

  it('does not look into a batch all of which has been read', () => {
    const batch = batchOf('a', 'b');
    const damaged = batch.with(HEADER_BYTES, 0xff).with(HEADER_BYTES + 1, 0xff);
    const wanted = { ...PLACE, from: 0 };
    expect(recordsOf(codecs, damaged, { ...wanted, read: [{ from: 0, to: 2 }] })).toEqual([]);
    const half = { ...wanted, read: [{ from: 0, to: 1 }] };
    expect(() => recordsOf(codecs, damaged, half)).toThrow();
    expect(recordsOf(codecs, batch, half).map(textOfRecord)).toEqual(['b']);
  });

  it('reads batches in which nothing is that has been read', async () => {
    const world = await twoRegions();
    await world.commit(
      'east',
      0,
      new Map([
        ['', 1],
        ['west', 1],
      ]),
    );
    const consumer = await world.consumer('east', { autoCommit: false });
    const read: string[][] = [];
    for await (const { records } of consumer.batches()) {
      read.push(records.map(textOfRecord));
      if (read.flat().length === 4) break;
    }
    expect(read).toEqual([['east 1', 'west 1', 'west 4', 'west 5']]);
    await consumer.close();
  });
});
