import type { Codecs } from './record/codecs.ts';
import type { Rules } from './rules.ts';
import type { Bucket } from './storage/bucket.ts';
import type { Clock } from './storage/clock.ts';
import type { Random } from './storage/random.ts';
import type { Table } from './storage/table.ts';

/** What the engine is built on: the ports with retries around them, and everything ambient. */
export interface EngineParts {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly random: Random;
  readonly codecs: Codecs;
  readonly rules: Rules;
  /** Awaited before a chunk is composed: appends that arrive meanwhile go into it. @default not at all */
  readonly gather?: () => Promise<void>;
  /** Whether the next bytes of sealed data are fetched for sequential readers while they work. @default false */
  readonly readsAhead?: boolean;
  /** @default `LIMITS.producerReplayChunksMax`; only tests and the simulation lower it */
  readonly producerReplayChunksMax?: number;
}
