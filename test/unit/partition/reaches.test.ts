import { describe, expect, it } from 'vitest';
import { batchOf, memoryStorage, newCall, openMemoryLog, refusal } from '../../support/log-on-memory.ts';

describe('whether a partition reaches an offset', () => {
  it('is known without a read to a process that has seen such an end', async () => {
    const storage = memoryStorage();
    const log = await openMemoryLog(storage);
    await log.createTopic({ name: 'orders' }, newCall(storage.clock));
    await log.produce({ topic: 'orders', partition: 0, batches: batchOf('a', 'b') }, newCall(storage.clock));
    const other = await openMemoryLog(storage);
    const place = { topic: 'orders', partition: 0 };
    const call = newCall(storage.clock);
    expect(await other.reaches({ ...place, offset: 2 }, call)).toMatchObject({ isReached: true });
    expect(call.meter.usage.tableReads).toBe(3);
    const again = newCall(storage.clock);
    expect(await other.reaches({ ...place, offset: 1 }, again)).toMatchObject({ isReached: true });
    expect(again.meter.usage.tableReads).toBe(0);
  });

  it('is looked up when it may have been passed since', async () => {
    const storage = memoryStorage();
    const [log, other] = [await openMemoryLog(storage), await openMemoryLog(storage)];
    const { topicId } = await log.createTopic({ name: 'orders' }, newCall(storage.clock));
    const position = { topic: 'orders', partition: 0, offset: 1 };
    expect(await other.reaches(position, newCall(storage.clock))).toEqual({ topicId, isReached: false });
    await log.produce({ topic: 'orders', partition: 0, batches: batchOf('a') }, newCall(storage.clock));
    expect(await other.reaches(position, newCall(storage.clock))).toEqual({ topicId, isReached: true });
  });

  it('is no question for a partition that is not there', async () => {
    const log = await openMemoryLog();
    const call = newCall(memoryStorage().clock);
    expect(await refusal(log.reaches({ topic: 'none', partition: 0, offset: 0 }, call))).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
  });
});
