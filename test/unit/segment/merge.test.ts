import { beforeEach, describe, expect, it } from 'vitest';
import { engineParts, type LogOptions } from '../../../lib/open-log.ts';
import { readBounds } from '../../../lib/partition/tail.ts';
import { type MergeOutcome, mergeOnce } from '../../../lib/segment/merge/merge.ts';
import { type MergeSettings, planMerge } from '../../../lib/segment/merge/plan-merge.ts';
import { retainOnce } from '../../../lib/segment/retain/retention.ts';
import type { Segment } from '../../../lib/segment/segment-item.ts';
import { StorageFault } from '../../../lib/storage/fault.ts';
import { textOf } from '../../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../../tools/manual-clock.ts';
import { type ColdLog, coldLog, numbersIn, range } from './support.ts';

const HOUR_MS = 3_600_000;
const SETTINGS: MergeSettings = { segmentBytes: 2 ** 20, spanMsMax: Number.POSITIVE_INFINITY };
/** The last one is left alone. */
const SEGMENTS = 7;
const BATCHES = 3;
const END = SEGMENTS * BATCHES;

let clock: ManualClock;
let cold: ColdLog;

beforeEach(async () => {
  clock = manualClock();
  cold = await coldLog(clock);
  for (let i = 0; i < SEGMENTS; i += 1) {
    await cold.produce(BATCHES, 500);
    await cold.seal();
  }
});

const merge = (
  options: Partial<LogOptions> = {},
  settings: Partial<MergeSettings> = {},
): Promise<MergeOutcome> =>
  mergeOnce(engineParts({ ...cold.storage, ...options }), cold.pk, { ...SETTINGS, ...settings }, cold.call());

const extents = async (): Promise<number[][]> =>
  (await cold.segments()).map(({ baseOffset, endOffset }) => [baseOffset, endOffset]);

/** Every offset by itself, as new processes see it. */
async function everyOffset(): Promise<number[]> {
  const log = await cold.fresh();
  const found: number[] = [];
  for (let offset = 0; offset < END; offset += 1) {
    const { batches } = await log.fetch({ topic: 'cold', partition: 0, offset, maxBytes: 1 }, cold.call());
    found.push(...numbersIn(textOf(batches)));
  }
  return found;
}

describe('a merge', () => {
  it('makes one segment of small neighbours, and an hour later the others go', async () => {
    expect(await merge()).toMatchObject({ kind: 'merged', mergedCount: 6, segment: { endOffset: 18 } });
    expect((await extents())[0]).toEqual([0, 18]);
    expect(await everyOffset()).toEqual(range(0, END));
    expect(await merge()).toEqual({ kind: 'waiting' });
    clock.advance(HOUR_MS + HOUR_MS / 2);
    expect(await merge()).toEqual({ kind: 'cleared', clearedCount: 5 });
    expect(await extents()).toEqual([
      [0, 18],
      [18, 21],
    ]);
    expect(await everyOffset()).toEqual(range(0, END));
    expect(await merge()).toEqual({ kind: 'nothing' });
  });

  it('leaves the chain’s end where it was, and the log start', async () => {
    const bounds = (): ReturnType<typeof readBounds> =>
      readBounds(cold.storage.catalog, cold.pk, { consistent: true }, cold.call());
    await merge();
    expect(await bounds()).toMatchObject({ sealedEnd: END, logStart: 0 });
    clock.advance(2 * HOUR_MS);
    await merge();
    expect(await bounds()).toMatchObject({ sealedEnd: END, logStart: 0 });
  });

  it('is right for readers whatever request it dies at', async () => {
    for (const last of ['merged', 'cleared']) {
      for (let requests = 0; ; requests += 1) {
        const { storage, died } = dyingAfter(requests);
        const outcome = await merge(storage).catch((fault: unknown) => fault);
        expect(await everyOffset()).toEqual(range(0, END));
        clock.advance(2 * HOUR_MS);
        if (died()) expect(outcome).toBeInstanceOf(StorageFault);
        else {
          expect(outcome).toMatchObject({ kind: last });
          break;
        }
      }
    }
    expect(await extents()).toEqual([
      [0, 18],
      [18, 21],
    ]);
  });

  it('that meets another leaves one of both', async () => {
    const outcomes = await Promise.all([merge(), merge()]);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['lost', 'merged']);
    expect(await everyOffset()).toEqual(range(0, END));
  });

  it('gives way to whoever has replaced one of the segments meanwhile', async () => {
    const { bucket, catalog } = cold.storage;
    const put: typeof bucket.put = async (...args) => {
      const page = await catalog.query(cold.pk, { from: 'seg#', limit: 3, consistent: true }, cold.call());
      const item = page.items[2];
      if (item === undefined) throw new Error('there is no third segment');
      const condition = { kind: 'ifVersion', version: item.version } as const;
      await catalog.put({ ...item, version: 'compacted' }, { condition }, cold.call());
      return bucket.put(...args);
    };
    expect(await merge({ bucket: { ...bucket, put } })).toEqual({ kind: 'lost' });
    expect((await extents())[0]).toEqual([0, 3]);
  });

  it('is found by timestamps, once', async () => {
    await merge();
    const log = await cold.fresh();
    const at = 'max-timestamp';
    expect(await log.listOffsets({ topic: 'cold', partition: 0, at }, cold.call())).toMatchObject({
      offset: 0,
    });
  });

  it('does not count twice for retention by size', async () => {
    const bytes = (await cold.segments()).reduce((total, segment) => total + segment.bytes, 0);
    await merge();
    const settings = {
      isDeleted: true,
      retentionMs: -1,
      retentionBytes: bytes,
      segmentBytes: 1_000,
      hotRetentionMs: 7 * 24 * HOUR_MS,
    };
    const parts = engineParts(cold.storage);
    expect(await retainOnce(parts, cold.pk, settings, cold.call())).toMatchObject({ logStart: 0 });
  });

  it('does not touch what is damaged', async () => {
    const [, second] = await cold.segments();
    await cold.storage.bucket.delete([second?.objectKey ?? ''], cold.call());
    await expect(merge()).rejects.toThrow(`Object ${second?.objectKey} is missing`);
    expect((await extents())[0]).toEqual([0, 3]);
  });
});

/** Storage that stops working after so many requests. */
function dyingAfter(count: number): { readonly storage: Partial<LogOptions>; died(): boolean } {
  let left = count;
  let isDead = false;
  const spend = (): void => {
    left -= 1;
    if (left >= 0) return;
    isDead = true;
    throw new StorageFault('refused', 'the process is gone');
  };
  const dying = <T extends object>(port: T, names: readonly (keyof T)[]): T => {
    const changed = { ...port };
    for (const name of names) {
      const method = port[name] as unknown as (...args: unknown[]) => unknown;
      changed[name] = (async (...args: unknown[]) => {
        spend();
        return method(...args);
      }) as T[typeof name];
    }
    return changed;
  };
  const { catalog, bucket } = cold.storage;
  return {
    storage: {
      catalog: dying(catalog, ['query', 'put', 'delete']),
      bucket: dying(bucket, ['get', 'put', 'list']),
    },
    died: () => isDead,
  };
}

describe('the plan of a merge', () => {
  const segment = (index: number, bytes: number, options: Partial<Segment> = {}): Segment => ({
    baseOffset: index * 10,
    endOffset: index * 10 + 10,
    version: `v${index}`,
    objectKey: `o${index}`,
    bytes,
    firstTimestampMs: index * 1_000,
    maxTimestampMs: index * 1_000 + 999,
    index: [],
    ...options,
  });
  const planned = (bytes: readonly number[], settings: Partial<MergeSettings> = {}): number[] | string => {
    const items = bytes.map((each, index) => segment(index, each));
    const plan = planMerge(items, 0, { segmentBytes: 100, spanMsMax: 1e12, ...settings });
    return plan.kind === 'merge' ? plan.segments.map(({ baseOffset }) => baseOffset / 10) : plan.kind;
  };

  it('never takes the last segment', () => {
    expect(planned([1, 1, 1, 1])).toBe('nothing');
    expect(planned([1, 1, 1, 1, 1])).toEqual([0, 1, 2, 3]);
  });

  it('keeps within the size of a segment and its span of time', () => {
    expect(planned([20, 20, 20, 20, 30, 1])).toEqual([0, 1, 2, 3]);
    expect(planned([1, 1, 1, 1, 1, 1, 1], { spanMsMax: 4_500 })).toEqual([0, 1, 2, 3]);
    expect(planned([1, 1, 1, 1, 1, 1], { segmentBytes: 0 })).toBe('nothing');
  });

  it('leaves large segments alone until their neighbours make up as much', () => {
    expect(planned([50, 5, 5, 5, 5, 5])).toEqual([1, 2, 3, 4]);
    expect(planned([30, 10, 10, 10, 5])).toEqual([0, 1, 2, 3]);
  });

  it('ends at stubs, at what lies below the log start and at gaps', () => {
    const items = [1, 1, 1, 1, 1, 1, 1].map((bytes, index) => segment(index, bytes));
    const stub = items.map((one, index) => (index === 1 ? { ...one, objectKey: undefined } : one));
    const first = (found: readonly Segment[], logStart = 0): number | undefined => {
      const plan = planMerge(found, logStart, { segmentBytes: 100, spanMsMax: 1e12 });
      return plan.kind === 'merge' ? plan.segments[0]?.baseOffset : undefined;
    };
    expect(first(stub)).toBe(20);
    expect(first(items, 15)).toBe(10);
    expect(first(items.filter((_, index) => index !== 1))).toBe(20);
  });
});
