/**
 * What a process keeps of producers, over all partitions that it writes to: where that is too much, the state of the
 * partition that was asked for longest ago is dropped. It is loaded again when it is needed.
 */
export interface ProducerMemory {
  /** The state of partition `pk` was asked for and has so many producers; `drop` forgets it. */
  used(pk: string, producerCount: number, drop: () => void): void;
}

interface Kept {
  readonly producerCount: number;
  readonly drop: () => void;
}

export function createProducerMemory(producersMax: number): ProducerMemory {
  /** In the order of their last use. */
  const kept = new Map<string, Kept>();
  let total = 0;
  const forget = (pk: string): void => {
    total -= kept.get(pk)?.producerCount ?? 0;
    kept.delete(pk);
  };
  return {
    used: (pk, producerCount, drop) => {
      forget(pk);
      // A state without producers takes room too.
      kept.set(pk, { producerCount: producerCount + 1, drop });
      total += producerCount + 1;
      for (const [oldest, { drop: dropOldest }] of kept) {
        if (total <= producersMax || oldest === pk) return;
        forget(oldest);
        dropOldest();
      }
    },
  };
}
