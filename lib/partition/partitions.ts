import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import { createProducerMemory, type ProducerMemory } from '../producer/producer-memory.ts';
import { type SegmentReader, segmentReader } from '../segment/read/segment-reader.ts';
import { partitionKey } from './chunk.ts';
import { PartitionReader } from './partition-reader.ts';
import { createPartitionState, type PartitionState } from './partition-state.ts';
import { PartitionWriter } from './partition-writer.ts';
import { Spooler } from './spooler.ts';

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
  readonly #producerMemory: ProducerMemory = createProducerMemory(LIMITS.producersInMemoryMax);
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
    const forWriter = { ...this.#parts, spooler: this.#spooler, producerMemory: this.#producerMemory };
    const partition = {
      pk,
      state,
      writer: new PartitionWriter(forWriter, pk, state),
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
