import { expect, it } from 'vitest';
import { contentionRows } from '../../../bench/contention-rows.ts';
import { exactRows } from '../../../bench/exact.ts';
import { batchOf, codecs, memoryStorage, newCall, openMemoryLog } from '../../support/log-on-memory.ts';

/** The benchmark's exact rows are claims too: they do not depend on the machine. */
it('produce and fetch cost exactly what the benchmark states', async () => {
  const rows = await exactRows(codecs);
  expect(rows.filter((row) => !row.isMet)).toEqual([]);
  expect(rows.length).toBe(4);
});

it('writers that meet on one partition stay within the attempts and latencies that the benchmark states', {
  timeout: 60_000,
}, async () => {
  const rows = await contentionRows(codecs);
  expect(rows.filter((row) => !row.isMet)).toEqual([]);
  expect(rows.length).toBe(5);
});

it('appends too large to be inline share an object even while their process loses to another', async () => {
  const storage = memoryStorage();
  const [log, rival] = await Promise.all([openMemoryLog(storage), openMemoryLog(storage)]);
  await log.createTopic({ name: 't' }, newCall(storage.clock));
  const call = newCall(storage.clock);
  const produce = (on: typeof log, value: string): Promise<unknown> =>
    on.produce({ topic: 't', partition: 0, batches: batchOf(value) }, call);
  await produce(log, 'a');
  await produce(rival, 'b');
  // Its known tail is behind now: the first of these loses once, with all the others waiting.
  await Promise.all(Array.from({ length: 40 }, () => produce(log, 'y'.repeat(10_000))));
  expect(call.meter.usage.lostWrites).toBeCloseTo(1);
  expect(call.meter.usage.objectPuts).toBeCloseTo(2);
});
