import type { BatchHeader } from '../../record/header.ts';

/**
 * The last batch of every producer in a stretch of log, as far as there is room for producers. What is not known counts
 * as the last: a header too many is kept, never one too few.
 */
export interface LastBatches {
  see(header: BatchHeader): void;
  /** Whether a producer that may still write could need the header of this batch. */
  isNeeded(header: BatchHeader, nowMs: number): boolean;
  /** Pairs of producer id and the last offset of its last batch. */
  readonly entries: Iterable<readonly [number, number]>;
  readonly producerCount: number;
}

const PRODUCERS_MAX = 100_000;
/** Kafka's default of `producer.id.expiration.ms`, counted from the batch's timestamp as there. */
const PRODUCER_IDLE_MS_MAX = 86_400_000;

export function lastBatches(known: Iterable<readonly [number, number]> = []): LastBatches {
  const lastOffsets = new Map(known);
  const lastOffset = ({ baseOffset, lastOffsetDelta }: BatchHeader): number => baseOffset + lastOffsetDelta;
  return {
    see: (header) => {
      const { producerId } = header;
      if (producerId < 0) return;
      const before = lastOffsets.get(producerId);
      if (before === undefined && lastOffsets.size >= PRODUCERS_MAX) return;
      lastOffsets.set(producerId, Math.max(before ?? 0, lastOffset(header)));
    },
    isNeeded: (header, nowMs) => {
      if (header.producerId < 0 || nowMs - header.maxTimestampMs >= PRODUCER_IDLE_MS_MAX) return false;
      return (lastOffsets.get(header.producerId) ?? -1) <= lastOffset(header);
    },
    entries: lastOffsets,
    get producerCount() {
      return lastOffsets.size;
    },
  };
}
