import { EngineLog, type EngineLogOptions } from './engine-log.ts';
import type { EngineParts } from './engine-parts.ts';
import { LIMITS } from './limits.ts';
import type { Log } from './log.ts';
import type { Codecs } from './record/codecs.ts';
import { ALL_RULES, type Rules } from './rules.ts';
import type { Bucket } from './storage/bucket.ts';
import type { Call } from './storage/call.ts';
import type { Clock } from './storage/clock.ts';
import type { Random } from './storage/random.ts';
import { retryingBucket, retryingTable } from './storage/retry.ts';
import type { Table } from './storage/table.ts';
import { clusterIdOf } from './topic/cluster-id.ts';

export interface LogOptions extends EngineLogOptions {
  /** Adapters as they are: retries are added here. */
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly random: Random;
  readonly codecs: Codecs;
  /** Spares the look-up of the stored cluster id. @default the stored one, made at first use */
  readonly clusterId?: string;
  /**
   * Awaited before a chunk is composed: appends that arrive meanwhile go into it. For processes where many requests
   * arrive in one turn of the event loop and a commit holds it. @default not at all
   */
  readonly gather?: () => Promise<void>;
  /**
   * Whether the next bytes of sealed data are fetched for sequential readers while they work. Not for functions, which are
   * frozen between two requests. @default false
   */
  readonly readsAhead?: boolean;
  /** @default `LIMITS.producerReplayChunksMax`; only tests and the simulation lower it */
  readonly producerReplayChunksMax?: number;
  /** @default every rule; only the simulation turns one off */
  readonly rules?: Rules;
}

/** Opens the log on two tables and a bucket; any number of processes may do so at once. */
export async function openLog(options: LogOptions, call: Call): Promise<Log> {
  const parts = engineParts(options);
  const clusterId = options.clusterId ?? (await clusterIdOf(parts, call));
  return new EngineLog(parts, clusterId, options);
}

/** The ports with retries around them, for the log and its maintenance. */
export function engineParts(options: LogOptions): EngineParts {
  const { clock, random, codecs, rules = ALL_RULES } = options;
  const retries = { clock, random, rules };
  return {
    hot: retryingTable(options.hot, retries),
    catalog: retryingTable(options.catalog, retries),
    bucket: retryingBucket(options.bucket, retries),
    clock,
    random,
    codecs,
    rules,
    ...(options.gather === undefined ? {} : { gather: options.gather }),
    readsAhead: options.readsAhead ?? false,
    producerReplayChunksMax: options.producerReplayChunksMax ?? LIMITS.producerReplayChunksMax,
  };
}
