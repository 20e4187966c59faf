import type { EngineParts } from '../../../../lib/engine-parts.ts';
import type { FlowDescription, Flows, NewFlow } from '../../../../lib/flows.ts';
import type { Log } from '../../../../lib/log.ts';
import { openFlows } from '../../../../lib/open-flows.ts';
import { engineParts, type LogOptions } from '../../../../lib/open-log.ts';
import type { FlowErrand, FlowRun, FlowRunTime } from '../../../../lib/replication/flow-run.ts';
import { runFlow } from '../../../../lib/replication/replicator.ts';
import type { Sources } from '../../../../lib/replication/source-region.ts';
import { ALL_RULES, type Rules } from '../../../../lib/rules.ts';
import type { Bucket } from '../../../../lib/storage/bucket.ts';
import type { Call } from '../../../../lib/storage/call.ts';
import { StorageFault } from '../../../../lib/storage/fault.ts';
import type { SortKey, Table } from '../../../../lib/storage/table.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog, textOf } from '../../../support/log-on-memory.ts';
import { type DrivenClock, drivenClock } from '../../client/driven-clock.ts';

/** A region of its own: storage, log and flows. */
export interface Region {
  readonly alias: string;
  readonly storage: LogOptions;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly flows: Flows;
}

/** Any number of regions in one virtual time, each of which can be cut off from the others. */
export interface FlowWorld {
  readonly clock: DrivenClock;
  readonly faults: unknown[];
  /** Requests that replicators have sent to each region's storage as their source. */
  readonly asked: Map<string, number>;
  readonly cutOff: Set<string>;
  /** The regions as others read them. */
  readonly sources: Sources;
  region(alias: string): Region;
  call(): Call;
  flow(target: string, flow: NewFlow): Promise<FlowDescription>;
  /** Runs a flow until it is idle. @default for two seconds, at most ten minutes */
  run(target: string, source: string, options?: RunOptions): Promise<FlowRun>;
  /** Runs all flows of the world, again and again until nothing more is copied. */
  settle(): Promise<void>;
  produce(region: string, topic: string, partition: number, ...values: readonly string[]): Promise<void>;
  /** Every record of a partition, as `offset:value`. */
  records(region: string, topic: string, partition?: number): Promise<string[]>;
  topics(region: string): Promise<string[]>;
}

export interface RunOptions extends Partial<Omit<FlowRunTime, 'deadlineMs'>> {
  readonly lastMs?: number;
  readonly errands?: readonly FlowErrand[];
  readonly target?: EngineParts;
}

const ROUNDS_MAX = 12;

/** `skewMs`: how far the clocks of a region are off, storage's among them. */
export async function flowWorld(
  aliases: readonly string[],
  rules: Partial<Rules> = {},
  skewMs: Readonly<Record<string, number>> = {},
): Promise<FlowWorld> {
  const clock = drivenClock();
  const faults: unknown[] = [];
  const asked = new Map<string, number>();
  const cutOff = new Set<string>();
  const regions = new Map<string, Region>();

  const region = (alias: string): Region => {
    const found = regions.get(alias);
    if (found === undefined) throw new Error(`no region ${alias}`);
    return found;
  };
  const sources: Sources = async (alias) => {
    const { storage } = regions.get(alias) ?? {};
    if (storage === undefined) return undefined;
    const reach = (): void => {
      asked.set(alias, (asked.get(alias) ?? 0) + 1);
      if (cutOff.has(alias)) throw new StorageFault('interrupted', `${alias} does not answer`);
    };
    return engineParts({
      ...storage,
      hot: readable(storage.hot, reach),
      catalog: readable(storage.catalog, reach),
      bucket: readableBucket(storage.bucket, reach),
    });
  };
  for (const alias of aliases) {
    const own = { ...clock, wallMs: () => clock.wallMs() + (skewMs[alias] ?? 0) };
    const storage = { ...memoryStorage(own), rules: { ...ALL_RULES, ...rules } };
    const parts = engineParts(storage);
    const log = await openMemoryLog(storage);
    regions.set(alias, { alias, storage, parts, log, flows: openFlows(parts, { region: alias, sources }) });
  }
  const call = (): Call => newCall(clock);

  const run: FlowWorld['run'] = (target, source, options = {}) => {
    const {
      idleMs = 2_000,
      lastMs = 600_000,
      errands,
      target: parts = region(target).parts,
      ...time
    } = options;
    const onFault = (cause: unknown): void => void faults.push(cause);
    const runParts = { target: parts, region: target, sources, onFault };
    const deadlineMs = clock.monotonicMs() + lastMs;
    return runFlow({ ...runParts, ...(errands === undefined ? {} : { errands }) }, source, {
      ...time,
      idleMs,
      deadlineMs,
    });
  };
  return {
    ...{ clock, faults, asked, cutOff, sources, region, call, run },
    flow: (target, flow) => region(target).flows.create(flow, call()),
    settle: async () => {
      for (let round = 0; round < ROUNDS_MAX; round += 1) {
        let copied = 0;
        for (const { alias, flows } of regions.values()) {
          for (const { source } of await flows.list(call())) {
            copied += (await run(alias, source, { idleMs: 100 })).copiedRecords;
          }
        }
        // A topic that is made in one round is seen in the next.
        if (copied === 0 && round > 2) return;
      }
      throw new Error('copying does not come to an end');
    },
    produce: async (alias, topic, partition, ...values) => {
      await region(alias).log.produce({ topic, partition, batches: batchOf(...values) }, call());
    },
    records: async (alias, topic, partition = 0) => {
      const { log } = region(alias);
      const { offset: end } = await log.listOffsets({ topic, partition, at: 'latest' }, call());
      let { offset } = await log.listOffsets({ topic, partition, at: 'earliest' }, call());
      const found: string[] = [];
      while (offset < end) {
        const { batches, nextOffset } = await log.fetch({ topic, partition, offset }, call());
        const from = offset;
        found.push(...textOf(batches).filter((text) => Number.parseInt(text, 10) >= from));
        if (nextOffset === offset) break;
        offset = nextOffset;
      }
      return found;
    },
    topics: async (alias) => (await region(alias).log.listTopics(call())).map(({ name }) => name),
  };
}

function refused(): never {
  throw new StorageFault('refused', 'a source may only be read');
}

/** What a read-only role sees of a table, over a network that can fail. */
function readable<S extends SortKey>(table: Table<S>, reach: () => void): Table<S> {
  return {
    inlineBytesBreakEven: table.inlineBytesBreakEven,
    get: async (...args) => {
      reach();
      return table.get(...args);
    },
    query: async (...args) => {
      reach();
      return table.query(...args);
    },
    put: async () => refused(),
    delete: async () => refused(),
  };
}

function readableBucket(bucket: Bucket, reach: () => void): Bucket {
  return {
    get: async (...args) => {
      reach();
      return bucket.get(...args);
    },
    list: async (...args) => {
      reach();
      return bucket.list(...args);
    },
    put: async () => refused(),
    delete: async () => refused(),
  };
}
