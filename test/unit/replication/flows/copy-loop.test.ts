import { describe, expect, it } from 'vitest';
import { memoryTable } from '../../../../lib/adapters/memory/index.ts';
import type { Copier } from '../../../../lib/replication/copy/copier.ts';
import type { CopyOutcome } from '../../../../lib/replication/copy/copy-outcome.ts';
import { copyLoop } from '../../../../lib/replication/copy-loop.ts';
import { dueQueue } from '../../../../lib/replication/due-queue.ts';
import type { TopicPair } from '../../../../lib/replication/flow-run.ts';
import { observeNow } from '../../../../lib/storage/observation.ts';
import type { Topic } from '../../../../lib/topic/topic-item.ts';
import { newCall } from '../../../support/log-on-memory.ts';
import { drivenClock } from '../../client/driven-clock.ts';

const source = { hot: memoryTable<number>({ clock: drivenClock() }) };

function topic(name: string, partitionCount: number): Topic {
  return { name, topicId: name, partitionCount, configs: {}, leaderEpoch: 0, state: 'active', version: 'v' };
}

function pair(partitionCount: number): TopicPair {
  return { source: topic('s', partitionCount), target: topic('t', partitionCount) };
}

/** Partitions with so many steps left, each of which takes 10 ms. */
function steps(left: number[], order: number[], clock = drivenClock()): Copier {
  return {
    partition: ({ targetPk }) => {
      const partition = Number(targetPk.split(':')[1]);
      let position = 0;
      return {
        position: undefined,
        copyOnce: async (): Promise<CopyOutcome> => {
          order.push(partition);
          await clock.sleep(10);
          if (position >= (left[partition] ?? 0)) return { kind: 'caughtUp', position };
          position += 1;
          const counts = { bytes: 1, recordCount: 1, maxTimestampMs: 0 };
          return { kind: 'copied', position, sourceEnd: position, ...counts };
        },
      };
    },
  };
}

describe('the copying of many partitions', () => {
  it('takes them in turn, so that a long one does not keep the others waiting', async () => {
    const clock = drivenClock();
    const order: number[] = [];
    const over = new AbortController();
    const loop = copyLoop({
      clock,
      source,
      copierOf: () => steps([100, 2, 2, 2, 2, 2], order, clock),
      share: { index: 0, count: 1 },
      copiesAtOnce: 2,
      isHeartbeats: () => false,
      newCall: () => newCall(clock),
      onFault: (cause) => {
        throw cause;
      },
    });
    loop.follow([pair(6)], observeNow(clock));
    const running = loop.run(over.signal);
    while (!loop.isQuiet) await clock.sleep(50);
    over.abort();
    await running;
    expect(loop.copied).toEqual({ records: 110, bytes: 110, heartbeats: 0, gaps: [] });
    expect(order.slice(0, 12).toSorted()).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  });

  it('never takes two steps of one partition at once, and ends with the steps that are under way', async () => {
    const clock = drivenClock();
    const order: number[] = [];
    const over = new AbortController();
    let atOnce = 0;
    let most = 0;
    const inner = steps([1_000], order, clock);
    const copier: Copier = {
      partition: (place) => {
        const one = inner.partition(place);
        return {
          position: undefined,
          copyOnce: async (...args) => {
            atOnce += 1;
            most = Math.max(most, atOnce);
            const outcome = await one.copyOnce(...args);
            atOnce -= 1;
            return outcome;
          },
        };
      },
    };
    const loop = copyLoop({
      ...{
        clock,
        source,
        copierOf: () => copier,
        share: { index: 0, count: 1 },
        copiesAtOnce: 8,
        isHeartbeats: () => false,
      },
      newCall: () => newCall(clock),
      onFault: () => undefined,
    });
    loop.follow([pair(1)], observeNow(clock));
    const running = loop.run(over.signal);
    await clock.sleep(500);
    // What is followed again goes on as it was.
    loop.follow([pair(1)], observeNow(clock));
    await clock.sleep(500);
    over.abort();
    await running;
    expect([most, atOnce]).toEqual([1, 0]);
    expect(loop.copied.records).toBeGreaterThan(50);
  });

  it('takes turns between what is the source’s own and what is relayed into the same partition', async () => {
    const clock = drivenClock();
    const order: string[] = [];
    const over = new AbortController();
    const atOnce = new Map<string, number>();
    let most = 0;
    const copier: Copier = {
      partition: ({ targetPk, relay = 'own' }) => ({
        position: undefined,
        copyOnce: async (): Promise<CopyOutcome> => {
          atOnce.set(targetPk, (atOnce.get(targetPk) ?? 0) + 1);
          most = Math.max(most, atOnce.get(targetPk) ?? 0);
          order.push(`${targetPk} ${relay}`);
          await clock.sleep(relay === 'own' ? 10 : 3);
          atOnce.set(targetPk, (atOnce.get(targetPk) ?? 0) - 1);
          const counts = { bytes: 1, recordCount: 1, maxTimestampMs: 0 };
          return { kind: 'copied', position: 1, sourceEnd: 9, ...counts };
        },
      }),
    };
    const share = { index: 0, count: 1 };
    const settings = { clock, source, copierOf: () => copier, share, copiesAtOnce: 4 };
    const loop = copyLoop({
      ...settings,
      isHeartbeats: () => false,
      newCall: () => newCall(clock),
      onFault: () => undefined,
    });
    loop.follow([{ ...pair(2), relays: ['x', 'y'] }], observeNow(clock));
    const running = loop.run(over.signal);
    await clock.sleep(480);
    over.abort();
    await running;
    expect(most).toBe(1);
    const first = order.filter((step) => step.startsWith('t:0'));
    expect(first.slice(0, 6)).toEqual(['t:0 own', 't:0 x', 't:0 y', 't:0 own', 't:0 x', 't:0 y']);
    expect(first.length).toBeGreaterThan(80);
    expect(loop.partitions.map(({ relay }) => relay)).toEqual([undefined, 'x', 'y', undefined, 'x', 'y']);
  });

  it('ends for topics that are not followed any more', async () => {
    const clock = drivenClock();
    const order: number[] = [];
    const over = new AbortController();
    const loop = copyLoop({
      ...{
        clock,
        source,
        copierOf: () => steps([1_000], order, clock),
        share: { index: 0, count: 1 },
        copiesAtOnce: 1,
        isHeartbeats: () => false,
      },
      newCall: () => newCall(clock),
      onFault: () => undefined,
    });
    loop.follow([pair(1)], observeNow(clock));
    const running = loop.run(over.signal);
    await clock.sleep(500);
    loop.follow([], observeNow(clock));
    await clock.sleep(100);
    const taken = order.length;
    await clock.sleep(500);
    expect(order).toHaveLength(taken);
    expect(loop.partitions).toEqual([]);
    over.abort();
    await running;
  });

  it('goes on with the others when one fails for a reason that nobody has foreseen', async () => {
    const clock = drivenClock();
    const faults: unknown[] = [];
    const inner = steps([3, 3], [], clock);
    const copier: Copier = {
      partition: (place) =>
        place.targetPk === 't:0'
          ? { position: undefined, copyOnce: () => Promise.reject(new Error('a bug')) }
          : inner.partition(place),
    };
    const over = new AbortController();
    const loop = copyLoop({
      ...{
        clock,
        source,
        copierOf: () => copier,
        share: { index: 0, count: 1 },
        copiesAtOnce: 1,
        isHeartbeats: () => false,
      },
      newCall: () => newCall(clock),
      onFault: (cause) => faults.push(cause),
    });
    loop.follow([pair(2)], observeNow(clock));
    const running = loop.run(over.signal);
    while (!loop.isQuiet) await clock.sleep(50);
    over.abort();
    await running;
    expect(loop.copied.records).toBe(3);
    expect(faults).toHaveLength(1);
    expect(loop.partitions[0]?.work.reason).toContain('unexpectedly');
  });

  it('is shared without leaving a partition out or copying one twice', () => {
    const clock = drivenClock();
    const owned = [0, 1, 2].map((index) => {
      const loop = copyLoop({
        ...{
          clock,
          source,
          copierOf: () => steps([], []),
          share: { index, count: 3 },
          copiesAtOnce: 1,
          isHeartbeats: () => false,
        },
        newCall: () => newCall(clock),
        onFault: () => undefined,
      });
      loop.follow([pair(300)], observeNow(clock));
      return loop.partitions.map(({ partition }) => partition);
    });
    expect(owned.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, at) => at));
    for (const one of owned) expect(one.length).toBeGreaterThan(60);
  });
});

describe('a queue of what is due', () => {
  it('gives out what is due first, and of the same time what came first', () => {
    const queue = dueQueue<string>();
    const times = [5, 3, 9, 3, 1, 5, 1, 7];
    times.forEach((ms, at) => {
      queue.put(`${ms}-${at}`, ms);
    });
    expect([queue.nextMs, queue.take(0)]).toEqual([1, undefined]);
    const taken: (string | undefined)[] = [];
    while (queue.nextMs !== undefined && queue.nextMs <= 7) taken.push(queue.take(7));
    expect(taken).toEqual(['1-4', '1-6', '3-1', '3-3', '5-0', '5-5', '7-7']);
    expect(queue.take(10)).toBe('9-2');
    expect([queue.nextMs, queue.take(10)]).toEqual([undefined, undefined]);
  });
});
