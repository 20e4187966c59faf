import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import type { Call } from '../../../lib/storage/call.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';
import { sealDue } from '../../support/seal-due.ts';

let storage: LogOptions;
let log: Log;
const call = (): Call => newCall(storage.clock);

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
  await log.createTopic({ name: 'orders', partitionCount: 2, configs: { 'segment.bytes': '14' } }, call());
});

const produce = (partition: number, value: string): ReturnType<Log['produce']> =>
  log.produce({ topic: 'orders', partition, batches: batchOf(value) }, call());

/** Changes one byte of the first chunk of partition 0 behind everybody's back. */
async function damage(at: (bytes: Uint8Array) => number): Promise<void> {
  const { topicId } = await log.describeTopic('orders', call());
  const key = { pk: partitionKey(topicId, 0), sk: 0 };
  const { item } = await storage.hot.get(key, { consistent: true }, call());
  if (item === undefined) throw new Error('there is no chunk');
  const bytes = item.attributes.b as Uint8Array;
  bytes[at(bytes)] = (bytes[at(bytes)] ?? 0) ^ 1;
  const condition = { kind: 'ifVersion', version: item.version } as const;
  await storage.hot.put({ ...item, version: 'damaged' }, { condition }, call());
}

describe('a damaged chunk', () => {
  it('with a wrong checksum is named and keeps no other partition from being sealed', async () => {
    await produce(0, 'a');
    await produce(1, 'b');
    await damage((bytes) => bytes.length - 2);
    const report = await sealDue(engineParts(storage), call());
    expect(report.failures).toEqual([
      { topic: 'orders', partition: 0, reason: expect.stringContaining('checksum') },
    ]);
    expect(report).toMatchObject({ partitionCount: 2, sealedCount: 1 });
  });

  it('with a base offset that is not its place is not sealed', async () => {
    await produce(0, 'a');
    await damage(() => 7);
    const report = await sealDue(engineParts(storage), call());
    expect(report).toMatchObject({ sealedCount: 0, failures: [{ partition: 0 }] });
  });
});

it('an object of other bytes is a storage error, not the reader’s', async () => {
  await produce(0, 'x'.repeat(20_000));
  const get: LogOptions['bucket']['get'] = async (...args) => (await storage.bucket.get(...args))?.fill(0);
  const other = await openMemoryLog({ ...storage, bucket: { ...storage.bucket, get } });
  const reading = other.fetch({ topic: 'orders', partition: 0, offset: 0 }, call());
  await expect(reading).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
});
