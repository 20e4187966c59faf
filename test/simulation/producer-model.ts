import { LIMITS } from '../../lib/limits.ts';
import type { ProducedBatch } from './truth.ts';

/** A stored batch of a producer. */
export interface ProducerModel extends ProducedBatch {
  readonly atMs: number;
}

export type ProducerVerdict =
  | 'next'
  | 'there already'
  /** A batch that it was before the last five: Kafka no longer tells it from a mistake. */
  | 'there already, too long ago'
  | 'out of order'
  | 'of an old epoch';

type Marked = Pick<ProducedBatch, 'producerEpoch' | 'baseSequence' | 'recordCount'>;

const SEQUENCES = 2 ** 31;

/**
 * Kafka's rules for a batch that follows those of its producer, told in another way than the engine does: it looks at
 * every batch there ever was.
 */
export function producerVerdict(known: readonly Marked[], batch: Marked): ProducerVerdict {
  const last = known.at(-1);
  if (last === undefined) return 'next';
  if (batch.producerEpoch < last.producerEpoch) return 'of an old epoch';
  if (batch.producerEpoch > last.producerEpoch) return batch.baseSequence === 0 ? 'next' : 'out of order';
  const same = known.filter(({ producerEpoch }) => producerEpoch === last.producerEpoch);
  const twin = same.findLastIndex(
    ({ baseSequence, recordCount }) =>
      baseSequence === batch.baseSequence && recordCount === batch.recordCount,
  );
  const kept = Math.max(0, same.length - LIMITS.producerBatchesKept);
  if (twin >= kept) return 'there already';
  if (batch.baseSequence === sequenceAfter(last)) return 'next';
  return twin >= 0 ? 'there already, too long ago' : 'out of order';
}

/** Sequences go on at 0 after 2³¹ − 1. */
export function sequenceAfter({ baseSequence, recordCount }: Omit<Marked, 'producerEpoch'>): number {
  return (baseSequence + recordCount) % SEQUENCES;
}
