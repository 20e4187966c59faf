import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../lib/errors.ts';
import type { PushRecord } from '../../../lib/push/kafka-event.ts';
import { pushSource, type SourceBatch, type SourceParts } from '../../../lib/push/push-source.ts';
import { slots } from '../../../lib/push/slots.ts';
import { encodeBatch, HEADER_BYTES, patchBaseOffset } from '../../../lib/record/index.ts';
import { codecs, newCall, textRecord } from '../../support/log-on-memory.ts';
import { virtualClock } from '../storage/virtual-clock.ts';

const clock = virtualClock();
const PLACE = { topic: 't', partition: 0 };

/** A batch as it stands in the log at this offset. */
function batchAt(baseOffset: number, ...values: readonly string[]): Uint8Array {
  const bytes = encodeBatch(
    codecs,
    values.map((value) => textRecord(value)),
    { compression: 'gzip' },
  );
  patchBaseOffset(bytes, { baseOffset, leaderEpoch: 0 });
  return bytes;
}

function damaged(batch: Uint8Array): Uint8Array {
  return batch.with(HEADER_BYTES, 0xff).with(HEADER_BYTES + 1, 0xff);
}

interface FakeLog {
  /** Each fetch answers one of these, and then nothing more. */
  readonly fetches?: readonly (readonly Uint8Array[])[];
  readonly start?: number;
  readonly end?: number;
  readonly leaderEpochs?: readonly { readonly leaderEpoch: number; readonly startOffset: number }[];
}

function sourceOn(fake: FakeLog, options: { readonly offset?: number; readonly batchSize?: number } = {}) {
  const { fetches = [], start = 0, end = 1_000, leaderEpochs = [] } = fake;
  const asked: number[] = [];
  const log: SourceParts['log'] = {
    fetch: async ({ offset }) => {
      asked.push(offset);
      if (offset < start || offset > end) throw new MillraceError('OFFSET_OUT_OF_RANGE', 'not there');
      const batches = fetches[asked.length - 1] ?? [];
      return { batches, nextOffset: offset, highWatermark: end, logStartOffset: start };
    },
    listOffsets: async ({ at }) => ({ offset: at === 'earliest' ? start : end, timestampMs: -1 }),
    describePartition: async () => ({ leaderEpochs }),
  };
  const { offset = 0, batchSize = 100 } = options;
  const source = pushSource(
    { log, codecs },
    { place: PLACE, offset, batchSize, batchBytes: 1_000_000, fetchBytes: 1_000_000 },
  );
  return { asked, next: (): Promise<SourceBatch> => source.next(newCall(clock)) };
}

const textOf = (records: readonly PushRecord[]): readonly string[] =>
  records.map(({ offset, value }) => `${offset}:${Buffer.from(value ?? []).toString()}`);

/** What comes until there is nothing more. */
async function allOf(next: () => Promise<SourceBatch>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (;;) {
    const batch = await next();
    if (batch.kind === 'nothing') return all;
    all.push(batch.kind === 'records' ? [...textOf(batch.records), batch.nextOffset] : batch);
  }
}

describe('what a partition holds for a function', () => {
  it('comes in as many records as a call takes, whatever batches they were produced in', async () => {
    const fetches = [[batchAt(0, 'a'), batchAt(1, 'b', 'c', 'd'), batchAt(4, 'e')]];
    const { next, asked } = sourceOn({ fetches }, { batchSize: 2 });
    expect(await allOf(next)).toEqual([
      ['0:a', '1:b', 2],
      ['2:c', '3:d', 4],
      ['4:e', 5],
    ]);
    expect(asked).toEqual([0, 5]);
  });

  it('begins in the middle of a batch', async () => {
    const { next } = sourceOn({ fetches: [[batchAt(10, 'a', 'b', 'c')]] }, { offset: 12 });
    expect(await allOf(next)).toEqual([['12:c', 13]]);
  });

  it('goes over offsets that compaction has emptied', async () => {
    const { next } = sourceOn({ fetches: [[batchAt(3, 'a'), batchAt(9, 'b')]] }, { batchSize: 1 });
    expect(await allOf(next)).toEqual([
      ['3:a', 9],
      ['9:b', 10],
    ]);
  });

  it('names a batch that nobody can read, after what stands before it, and goes on behind it', async () => {
    const fetches = [[batchAt(0, 'a'), damaged(batchAt(1, 'b', 'c')), batchAt(3, 'd')]];
    const { next } = sourceOn({ fetches });
    expect(await allOf(next)).toEqual([
      ['0:a', 1],
      {
        kind: 'unreadable',
        firstOffset: 1,
        nextOffset: 3,
        error: { type: 'CORRUPT_MESSAGE', message: expect.any(String) },
      },
      ['3:d', 4],
    ]);
  });

  it('goes on at the log start where retention was faster', async () => {
    const { next } = sourceOn({ start: 50 }, { offset: 7 });
    expect(await next()).toEqual({ kind: 'moved', nextOffset: 50 });
  });

  it('goes back to where the newest epoch begins where the log was restored to an earlier time', async () => {
    const leaderEpochs = [
      { leaderEpoch: 1, startOffset: 10 },
      { leaderEpoch: 2, startOffset: 40 },
    ];
    const { next, asked } = sourceOn({ end: 60, leaderEpochs }, { offset: 90 });
    expect(await next()).toEqual({ kind: 'moved', nextOffset: 40 });
    await next();
    expect(asked).toEqual([90, 40]);
  });
});

describe('slots', () => {
  it('let so many work at once, the others in the order they came, and are free again after a failure', async () => {
    const two = slots(2);
    const begun: number[] = [];
    const ends = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const works = ends.map(({ promise }, index) =>
      two.run(async () => {
        begun.push(index);
        await promise;
      }),
    );
    await Promise.resolve();
    expect(begun).toEqual([0, 1]);
    ends[1]?.reject(new Error('no'));
    await expect(works[1]).rejects.toThrow('no');
    expect(begun).toEqual([0, 1, 2]);
    for (const { resolve } of ends) resolve();
    await Promise.allSettled(works);
    expect(begun).toEqual([0, 1, 2, 3]);
  });
});
