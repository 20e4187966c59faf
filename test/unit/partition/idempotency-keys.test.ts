import { beforeEach, describe, expect, it } from 'vitest';
import type { MillraceError } from '../../../lib/errors.ts';
import type { Log } from '../../../lib/log.ts';
import type { LogOptions } from '../../../lib/open-log.ts';
import { partitionKey } from '../../../lib/partition/chunk.ts';
import type { Call } from '../../../lib/storage/call.ts';
import {
  batchOf,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
  textOf,
} from '../../support/log-on-memory.ts';

let storage: LogOptions;
let log: Log;
const call = (): Call => newCall(storage.clock);

beforeEach(async () => {
  storage = memoryStorage();
  log = await openMemoryLog(storage);
  await log.createTopic({ name: 'orders' }, call());
});

const produce = (
  values: readonly string[],
  options: { readonly on?: Log; readonly key?: string } = {},
): ReturnType<Log['produce']> =>
  (options.on ?? log).produce(
    {
      topic: 'orders',
      partition: 0,
      batches: batchOf(...values),
      ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
    },
    call(),
  );

const readAll = async (): Promise<string[]> =>
  textOf((await log.fetch({ topic: 'orders', partition: 0, offset: 0 }, call())).batches);

describe('idempotency keys', () => {
  it('store a retried request once and answer its first offset, in any process', async () => {
    const first = await produce(['a', 'b'], { key: 'k1' });
    await produce(['c']);
    const other = await openMemoryLog(storage);
    const again = await produce(['a', 'b'], { key: 'k1', on: other });
    expect(first).toMatchObject({ baseOffset: 0, duplicate: false });
    expect(again).toMatchObject({ baseOffset: 0, duplicate: true });
    expect(await readAll()).toEqual(['0:a', '1:b', '2:c']);
  });

  it('store concurrent twins once, in one process and across processes', async () => {
    const other = await openMemoryLog(storage);
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, i) => produce(['a'], { key: 'k1', on: i % 2 === 0 ? log : other })),
    );
    expect(await readAll()).toEqual(['0:a']);
    for (const result of results) {
      if (result.status === 'fulfilled') expect(result.value.baseOffset).toBe(0);
      else expect((result.reason as MillraceError).code).toBe('REQUEST_TIMED_OUT');
    }
  });

  it('refuse other content under the same key', async () => {
    await produce(['a'], { key: 'k1' });
    expect(await refusal(produce(['other'], { key: 'k1' }))).toBe('INVALID_REQUEST');
    expect(await readAll()).toEqual(['0:a']);
  });

  it('recognise a retry in a topic that stamps append time', async () => {
    let wallMs = 1_700_000_000_000;
    const clock = { ...storage.clock, wallMs: (): number => wallMs };
    storage = { ...memoryStorage(clock), clock };
    log = await openMemoryLog(storage);
    await log.createTopic({ name: 'orders', configs: { 'message.timestamp.type': 'LogAppendTime' } }, call());
    await produce(['a'], { key: 'k1' });
    wallMs += 1_000;
    expect(await produce(['a'], { key: 'k1' })).toMatchObject({ baseOffset: 0, duplicate: true });
  });

  it('whose place in the log has expired are refused at once', async () => {
    await produce(['a'], { key: 'k1' });
    await produce(['b']);
    const { topicId } = await log.describeTopic('orders', call());
    const key = { pk: partitionKey(topicId, 0), sk: 0 };
    const { item } = await storage.hot.get(key, { consistent: true }, call());
    await storage.hot.delete(key, { ifVersion: item?.version ?? '' }, call());
    const late = call();
    const request = { topic: 'orders', partition: 0, batches: batchOf('a'), idempotencyKey: 'k1' };
    expect(await refusal(log.produce(request, late))).toBe('REQUEST_TIMED_OUT');
    expect(late.meter.usage.tableReads).toBeLessThan(4);
  });

  it('refuse keys that no header can carry', async () => {
    expect(await refusal(produce(['a'], { key: 'with space' }))).toBe('INVALID_REQUEST');
    expect(await refusal(produce(['a'], { key: 'k'.repeat(256) }))).toBe('INVALID_REQUEST');
  });
});
