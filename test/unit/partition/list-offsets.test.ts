import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import { encodeBatch } from '../../../lib/record/index.ts';
import { LOG_START_KEY } from '../../../lib/segment/segment-item.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { codecs, memoryStorage, newCall, openMemoryLog, textRecord } from '../../support/log-on-memory.ts';
import { sealDue } from '../../support/seal-due.ts';

let storage: LogOptions;
let log: Log;
let pk: string;
const call = (): Call => newCall(storage.clock);

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
  const { topicId } = await log.createTopic({ name: 't', configs: { 'segment.bytes': '100000' } }, call());
  pk = partitionKey(topicId, 0);
});

const stamped = (...timestamps: readonly number[]): Uint8Array =>
  encodeBatch(
    codecs,
    timestamps.map((timestampMs) => textRecord('v', { timestampMs })),
    { compression: 'gzip' },
  );
const produce = (...batches: readonly Uint8Array[]): ReturnType<Log['produce']> =>
  log.produce({ topic: 't', partition: 0, batches: Buffer.concat(batches) }, call());
const seal = async (): Promise<void> => {
  const alteration = { name: 'segment.bytes', value: '14' };
  await log.alterConfigs('t', [alteration], { validateOnly: false }, call());
  await sealDue(engineParts(storage), call());
};
type When = Parameters<Log['listOffsets']>[0]['at'];
/** Offset and timestamp. */
const listed = async (at: When, on: Log = log): Promise<[number, number]> => {
  const { offset, timestampMs } = await on.listOffsets({ topic: 't', partition: 0, at }, call());
  return [offset, timestampMs];
};
const offsetAt = async (at: When, on: Log = log): Promise<number> => (await listed(at, on))[0];
const startAt = (offset: number): Promise<unknown> =>
  storage.catalog.put(
    { pk, sk: LOG_START_KEY, version: 'start', attributes: { f: 1, s: offset } },
    { condition: { kind: 'ifAbsent' } },
    call(),
  );

it('finds earliest, latest, by timestamp and the largest timestamp, hot and sealed alike', async () => {
  await produce(stamped(1_000, 2_000));
  await produce(stamped(9_000, 3_000));
  await produce(stamped(4_000));
  const expected = async (): Promise<void> => {
    expect(await listed('earliest')).toEqual([0, -1]);
    expect(await listed('latest')).toEqual([5, -1]);
    expect(await listed('max-timestamp')).toEqual([2, 9_000]);
    expect(await listed({ timestampMs: 1_500 })).toEqual([1, 2_000]);
    expect(await listed({ timestampMs: 3_500 })).toEqual([2, 9_000]);
    expect(await listed({ timestampMs: 9_001 })).toEqual([-1, -1]);
  };
  await expected();
  await seal();
  await expected();
});

it('finds nothing in an empty partition', async () => {
  expect(await listed('latest')).toEqual([0, -1]);
  expect(await listed('max-timestamp')).toEqual([-1, -1]);
});

describe('a log that starts inside a chunk or segment', () => {
  it('answers the first record from its start on that reaches the timestamp', async () => {
    await produce(stamped(5_000), stamped(6_000), stamped(7_000));
    await produce(stamped(8_000));
    await startAt(1);
    expect(await offsetAt({ timestampMs: 4_000 })).toBe(1);
    await seal();
    expect(await offsetAt({ timestampMs: 4_000 })).toBe(1);
  });

  it('answers the largest timestamp of what is left', async () => {
    await produce(stamped(9_000), stamped(3_000), stamped(7_000));
    await produce(stamped(6_000));
    await startAt(1);
    expect(await offsetAt('max-timestamp')).toBe(2);
    await seal();
    expect(await offsetAt('max-timestamp')).toBe(2);
  });
});

describe('a look at the chain', () => {
  /** A process under whose feet partition 0 is sealed, or not, and its first chunk removed. */
  const surprised = (sealed: boolean): Promise<Log> => {
    let isQuiet = true;
    const query: LogOptions['hot']['query'] = async (of, range, forCall) => {
      if (isQuiet && range.from === 0) {
        isQuiet = false;
        if (sealed) await seal();
        const { item } = await storage.hot.get({ pk, sk: 0 }, { consistent: true }, call());
        await storage.hot.delete({ pk, sk: 0 }, { ifVersion: item?.version ?? '' }, call());
      }
      return storage.hot.query(of, range, forCall);
    };
    return openMemoryLog({ ...storage, hot: { ...storage.hot, query } });
  };

  beforeEach(async () => {
    await produce(stamped(5_000));
    await produce(stamped(6_000));
  });

  it('begins again when chunks were sealed and removed during it', async () => {
    expect(await offsetAt({ timestampMs: 1_000 }, await surprised(true))).toBe(0);
  });

  it('never answers from behind a gap', async () => {
    const asking = offsetAt({ timestampMs: 1_000 }, await surprised(false));
    await expect(asking).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});
