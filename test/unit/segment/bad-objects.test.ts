import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../lib/log.ts';
import type { Bucket } from '../../../lib/storage/bucket.ts';
import { textOf } from '../../support/log-on-memory.ts';
import { type ColdLog, coldLog, numbersIn, range } from './support.ts';

const BATCH_COUNT = 20;

let cold: ColdLog;
let keys: string[];

beforeEach(async () => {
  cold = await coldLog();
  keys = [];
  for (let i = 0; i < 3; i += 1) {
    await cold.produce(BATCH_COUNT, 3_000);
    keys.push((await cold.seal()).objectKey ?? '');
  }
});

/** A log on a bucket whose object of the second segment is what `change` makes of it. */
function logWith(change: (bytes: Uint8Array) => Promise<Uint8Array | undefined>): Promise<Log> {
  const { bucket } = cold.storage;
  const get: Bucket['get'] = async (key, part, call) => {
    if (key !== keys[1]) return bucket.get(key, part, call);
    const whole = await bucket.get(key, undefined, call);
    const changed = whole && (await change(whole));
    return part === undefined ? changed : changed?.slice(part.start, part.start + part.length);
  };
  return cold.fresh({ bucket: { ...bucket, get } });
}

/** What a reader sees that goes on behind an error at the next segment. */
async function readThrough(log: Log): Promise<{ numbers: number[]; errors: unknown[] }> {
  const numbers: number[] = [];
  const errors: unknown[] = [];
  for (let offset = 0; offset < 3 * BATCH_COUNT; ) {
    try {
      const { batches, nextOffset } = await log.fetch(
        { topic: 'cold', partition: 0, offset, maxBytes: 10_000 },
        cold.call(),
      );
      numbers.push(...numbersIn(textOf(batches)));
      offset = nextOffset;
    } catch (error) {
      errors.push(error);
      offset = (Math.floor(offset / BATCH_COUNT) + 1) * BATCH_COUNT;
    }
  }
  return { numbers, errors };
}

const damaged = (problem: string): object =>
  expect.objectContaining({
    code: 'KAFKA_STORAGE_ERROR',
    message: expect.stringMatching(new RegExp(`^(Partition \\S+: )?Object ${keys[1]} .*${problem}`)),
  });

describe('an object that is not what was sealed', () => {
  it('is named where it is missing, and the segments around it are read', async () => {
    const { numbers, errors } = await readThrough(await logWith(async () => undefined));
    expect(errors).toEqual([damaged('missing')]);
    expect(numbers).toEqual([...range(0, 20), ...range(40, 60)]);
  });

  it('is read up to where it was cut off', async () => {
    const cut = await logWith(async (bytes) => bytes.subarray(0, bytes.length / 2 + 100));
    const { numbers, errors } = await readThrough(cut);
    expect(errors).toEqual([damaged('ends')]);
    expect(numbers).toEqual([...range(0, 30), ...range(40, 60)]);
  });

  it('is named where it was cut off between two batches', async () => {
    const { numbers, errors } = await readThrough(
      await logWith(async (bytes) => bytes.subarray(0, bytes.length / 2)),
    );
    expect(errors).toEqual([damaged('ends here')]);
    expect(numbers).toEqual([...range(0, 30), ...range(40, 60)]);
  });

  it('is read up to a batch that is no batch any more', async () => {
    const { numbers, errors } = await readThrough(
      await logWith(async (bytes) => bytes.fill(0, bytes.length / 4, bytes.length / 2)),
    );
    expect(errors).toEqual([damaged('is not record batch format')]);
    expect(numbers).toEqual([...range(0, 25), ...range(40, 60)]);
  });

  it('is named where its bytes are those of another stretch of the log', async () => {
    const { bucket } = cold.storage;
    const other = await logWith(() => bucket.get(keys[0] ?? '', undefined, cold.call()));
    const { numbers, errors } = await readThrough(other);
    expect(errors).toEqual([damaged('a batch of offsets 0 to 0')]);
    expect(numbers).toEqual([...range(0, 20), ...range(40, 60)]);
  });

  it('is named where its bytes are of another kind', async () => {
    const { errors } = await readThrough(await logWith(async (bytes) => bytes.fill(0x50)));
    expect(errors).toEqual([damaged('is not record batch format')]);
  });

  it('is named by a search for a timestamp too', async () => {
    const log = await logWith(async (bytes) => bytes.fill(0));
    const at = { timestampMs: 1_700_000_000_000 };
    expect(await log.listOffsets({ topic: 'cold', partition: 0, at }, cold.call())).toMatchObject({
      offset: 0,
    });
    await log.deleteRecords({ topic: 'cold', partition: 0, offset: BATCH_COUNT }, cold.call());
    const search = log.listOffsets({ topic: 'cold', partition: 0, at }, cold.call());
    await expect(search).rejects.toEqual(damaged('is not record batch format'));
  });

  it('is left as it is', async () => {
    await cold.storage.bucket.delete([keys[1] ?? ''], cold.call());
    await cold.storage.bucket.put(keys[1] ?? '', Buffer.from('something else'), cold.call());
    const before = await cold.segments();
    const log = await cold.fresh();
    expect((await readThrough(log)).errors).toEqual([damaged('')]);
    await cold.produce(1, 100);
    await cold.seal();
    expect((await cold.segments()).slice(0, 3)).toEqual(before);
    const object = await cold.storage.bucket.get(keys[1] ?? '', undefined, cold.call());
    expect(Buffer.from(object ?? []).toString()).toBe('something else');
  });
});

it('a replaced object is found by way of its new item, although the old one is cached', async () => {
  const log = await cold.fresh();
  const fetchSecond = (): ReturnType<Log['fetch']> =>
    log.fetch({ topic: 'cold', partition: 0, offset: 30, maxBytes: 1 }, cold.call());
  await fetchSecond();
  const { bucket, catalog } = cold.storage;
  const [, segment] = await cold.segments();
  const object = await bucket.get(keys[1] ?? '', undefined, cold.call());
  await bucket.put('segments/new/00000000000000000020.log', object ?? new Uint8Array(), cold.call());
  const page = await catalog.query(cold.pk, { from: 'seg#', limit: 3, consistent: true }, cold.call());
  const item = page.items[1];
  if (item === undefined || segment === undefined) throw new Error('there is no second segment');
  const renewed = {
    ...item,
    version: 'v2',
    attributes: { ...item.attributes, o: 'segments/new/00000000000000000020.log' },
  };
  await catalog.put(renewed, { condition: { kind: 'ifVersion', version: item.version } }, cold.call());
  await bucket.delete([keys[1] ?? ''], cold.call());
  const read = await log.fetch({ topic: 'cold', partition: 0, offset: 25, maxBytes: 1 }, cold.call());
  expect(numbersIn(textOf(read.batches))).toEqual([25]);
});
