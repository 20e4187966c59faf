import { describe, expect, it } from 'vitest';
import { readBehind } from '../../../lib/group/offsets/read-behind.ts';
import type { Vector } from '../../../lib/groups.ts';
import type { FetchResult } from '../../../lib/log.ts';
import { pushSource, type SourceBatch } from '../../../lib/push/push-source.ts';
import { HEADER_BYTES, patchBaseOffset } from '../../../lib/record/index.ts';
import { batchOf, codecs, newCall } from '../../support/log-on-memory.ts';
import { virtualClock } from '../storage/virtual-clock.ts';
import { GROUP, type PushWorld, pushWorld, settingsOf } from './push-world.ts';

const PLACE = { topic: 't', partition: 0 };
const clock = virtualClock();

function batchAt(baseOffset: number, ...values: readonly string[]): Uint8Array {
  const batch = batchOf(...values);
  patchBaseOffset(batch, { baseOffset, leaderEpoch: 0 });
  return batch;
}

/** Two records of west, one of here, two of west. */
const LOG: FetchResult = {
  batches: [batchAt(0, 'w0', 'w1'), batchAt(2, 'own'), batchAt(3, 'w2', 'w3')],
  nextOffset: 5,
  foreign: [
    { region: 'west', baseOffset: 0, endOffset: 2, sourceOffset: 0 },
    { region: 'west', baseOffset: 3, endOffset: 5, sourceOffset: 2 },
  ],
  ...{ highWatermark: 5, logStartOffset: 0 },
};

/** `damaged`: places of batches that cannot be read. */
function sourceBehind(vector: Vector, damaged: readonly number[] = []) {
  const batches = LOG.batches.map((batch, index) =>
    damaged.includes(index) ? batch.with(HEADER_BYTES, 0xff).with(HEADER_BYTES + 1, 0xff) : batch,
  );
  const source = pushSource(
    {
      log: {
        fetch: async ({ offset }) =>
          offset === 0
            ? { ...LOG, batches }
            : { ...{ batches: [], nextOffset: offset, highWatermark: 5, logStartOffset: 0 } },
        listOffsets: async () => ({ offset: 0, timestampMs: -1 }),
        describePartition: async () => ({ leaderEpochs: [] }),
      },
      codecs,
    },
    {
      ...{ place: PLACE, offset: 0, behind: readBehind(vector, 0) },
      ...{ batchSize: 100, batchBytes: 1_000_000, fetchBytes: 1_000_000 },
    },
  );
  const next = (): Promise<SourceBatch> => source.next(newCall(clock));
  return { source, next };
}

const toldOf = (batch: SourceBatch): unknown =>
  batch.kind === 'records'
    ? [...batch.records.map(({ value }) => Buffer.from(value ?? []).toString()), batch.nextOffset]
    : [batch.kind, batch.nextOffset];

describe('what a function is sent of a topic that is written in several regions', () => {
  it('is not what its group has read elsewhere', async () => {
    const { source, next } = sourceBehind(new Map([['west', 3]]));
    expect(toldOf(await next())).toEqual(['own', 'w3', 5]);
    expect(source.vectorAt(2)).toEqual(new Map([['west', 3]]));
    expect(source.vectorAt(4)).toBeUndefined();
    expect(toldOf(await next())).toEqual(['nothing', 5]);
  });

  it('is not held up by a batch that cannot be read, where all of that was read elsewhere', async () => {
    const { next } = sourceBehind(new Map([['west', 2]]), [0]);
    expect(toldOf(await next())).toEqual(['own', 'w2', 'w3', 5]);
    const unread = sourceBehind(new Map([['west', 1]]), [0]);
    expect(toldOf(await unread.next())).toEqual(['unreadable', 2]);
  });

  it('is nothing where all of it was read, and that is committed', async () => {
    const { source, next } = sourceBehind(
      new Map([
        ['west', 9],
        ['', 5],
      ]),
    );
    expect(toldOf(await next())).toEqual(['passed', 5]);
    expect(source.vectorAt(5)).toEqual(new Map([['west', 9]]));
    expect(toldOf(await next())).toEqual(['nothing', 5]);
  });
});

async function worldAt(
  offset: number,
  vector: Vector,
): Promise<{ world: PushWorld; stands: () => Promise<unknown> }> {
  const world = await pushWorld({ answer: () => undefined });
  await world.play(world.log.createTopic({ name: 't', partitionCount: 1 }, world.call()));
  await world.produce('t', 0, 'a', 'b', 'c', 'd');
  const offsets = [{ ...PLACE, offset, vector }];
  await world.play(world.groups.commit({ groupId: GROUP, offsets }, world.call()));
  const stands = async (): Promise<unknown> => {
    const [found] = await world.play(world.groups.committed(GROUP, undefined, world.call()));
    return [found?.offset, Object.fromEntries(found?.vector ?? [])];
  };
  return { world, stands };
}

describe('a run whose group has read behind its position', () => {
  it('sends the rest, and commits what is still to be passed over', async () => {
    const { world, stands } = await worldAt(
      1,
      new Map([
        ['', 3],
        ['west', 7],
      ]),
    );
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ records: 1 });
    expect(world.called.flatMap(({ values }) => values)).toEqual(['d']);
    expect(await stands()).toEqual([4, { west: 7 }]);
  });

  it('comes to the end where nothing is left to be sent, and does not run again for it', async () => {
    const { world, stands } = await worldAt(1, new Map([['', 4]]));
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ joined: true, records: 0 });
    expect(await stands()).toEqual([4, {}]);
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ joined: false });
  });

  it('keeps what is still to be passed over when it commits again after half a day', async () => {
    const { world, stands } = await worldAt(4, new Map([['west', 7]]));
    await world.sleep(13 * 3_600_000);
    expect(await world.play(world.run(settingsOf()))).toMatchObject({ joined: true, records: 0 });
    expect(await stands()).toEqual([4, { west: 7 }]);
  });
});
