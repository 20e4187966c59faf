import type { Codecs } from '../record/codecs.ts';
import type { Rules } from '../rules.ts';
import { type SegmentReader, segmentReader } from '../segment/segment-reader.ts';
import type { Bucket } from '../storage/bucket.ts';
import type { Clock } from '../storage/clock.ts';
import type { Random } from '../storage/random.ts';
import type { Table } from '../storage/table.ts';
import { partitionKey } from './chunk.ts';
import { PartitionReader } from './partition-reader.ts';
import { createPartitionState, type PartitionState } from './partition-state.ts';
import { PartitionWriter } from './partition-writer.ts';
import { Spooler } from './spooler.ts';

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
}

/** One partition as this process knows it. */
export interface Partition {
  readonly pk: string;
  readonly state: PartitionState;
  readonly writer: PartitionWriter;
  readonly reader: PartitionReader;
}

const PARTITIONS_MAX = 20_000;

/** The partitions this process has touched; when there are too many, idle ones are forgotten, the longest known first. */
export class Partitions {
  readonly #parts: EngineParts;
  readonly #spooler: Spooler;
  readonly #sealed: SegmentReader;
  readonly #known = new Map<string, Partition>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#spooler = new Spooler(parts.bucket, parts.random);
    this.#sealed = segmentReader({ ...parts, readsAhead: parts.readsAhead ?? false });
  }

  of(topicId: string, index: number): Partition {
    const pk = partitionKey(topicId, index);
    const known = this.#known.get(pk);
    if (known !== undefined) return known;
    if (this.#known.size >= PARTITIONS_MAX) this.#forgetIdle();
    const state = createPartitionState(this.#parts.clock);
    const partition = {
      pk,
      state,
      writer: new PartitionWriter({ ...this.#parts, spooler: this.#spooler }, pk, state),
      reader: new PartitionReader({ ...this.#parts, sealed: this.#sealed }, pk, state),
    };
    this.#known.set(pk, partition);
    return partition;
  }

  #forgetIdle(): void {
    for (const [pk, partition] of this.#known) {
      if (this.#known.size < PARTITIONS_MAX / 2) return;
      if (partition.writer.isIdle) this.#known.delete(pk);
    }
  }
}
