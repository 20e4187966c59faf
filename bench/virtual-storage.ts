import { memoryBucket, memoryTable } from '../lib/adapters/memory/index.ts';
import type { EngineParts } from '../lib/engine-parts.ts';
import type { Codecs } from '../lib/record/index.ts';
import { ALL_RULES } from '../lib/rules.ts';
import type { Bucket } from '../lib/storage/bucket.ts';
import type { Clock } from '../lib/storage/clock.ts';
import type { SortKey, Table } from '../lib/storage/table.ts';
import { type SeededRandom, seededRandom } from '../test/simulation/random.ts';
import { createScheduler, type Scheduler } from '../test/simulation/scheduler.ts';

/** Storage that bills as DynamoDB and S3 do and answers after a seeded delay of virtual time. */
export interface VirtualStorage {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly parts: EngineParts;
}

export interface Latencies {
  /** Mean of a request there and back. */
  readonly tableMs: number;
  readonly bucketMs: number;
  /** true: drawn evenly from half to one and a half of the mean; false: always the mean. */
  readonly varies: boolean;
}

export function virtualStorage(codecs: Codecs, seed: number, latencies: Latencies): VirtualStorage {
  const random = seededRandom(seed);
  const scheduler = createScheduler(random.fork(), 1_700_000_000_000);
  const clock: Clock = {
    wallMs: () => scheduler.nowMs,
    monotonicMs: () => scheduler.nowMs,
    sleep: (ms) => scheduler.sleep(ms),
  };
  const travel = (ms: number) => (): Promise<void> =>
    scheduler.sleep((ms / 2) * (latencies.varies ? 0.5 + random.next() : 1));
  const byTable = travel(latencies.tableMs);
  return {
    scheduler,
    random,
    parts: {
      hot: delayedTable(memoryTable<number>({ clock }), byTable),
      catalog: delayedTable(memoryTable<string>({ clock }), byTable),
      bucket: delayedBucket(memoryBucket({ clock }), travel(latencies.bucketMs)),
      clock,
      random: random.fork(),
      codecs,
      rules: ALL_RULES,
    },
  };
}

/** A request takes effect half-way: what it is answered was true then, not now. */
function delayed<Args extends unknown[], Answer>(
  work: (...args: Args) => Promise<Answer>,
  travel: () => Promise<void>,
): (...args: Args) => Promise<Answer> {
  return async (...args) => {
    await travel();
    const answer = await work(...args);
    await travel();
    return answer;
  };
}

function delayedTable<S extends SortKey>(table: Table<S>, travel: () => Promise<void>): Table<S> {
  return {
    inlineBytesBreakEven: table.inlineBytesBreakEven,
    get: delayed(table.get, travel),
    put: delayed(table.put, travel),
    query: delayed(table.query, travel),
    delete: delayed(table.delete, travel),
  };
}

function delayedBucket(bucket: Bucket, travel: () => Promise<void>): Bucket {
  return {
    put: delayed(bucket.put, travel),
    get: delayed(bucket.get, travel),
    list: delayed(bucket.list, travel),
    delete: delayed(bucket.delete, travel),
  };
}
