import { LIMITS } from '../limits.ts';

/** A batch with a producer id: which sequence numbers its records have. */
export interface SequencedBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly firstSequence: number;
  /** Below `firstSequence` where the numbers have wrapped inside the batch. */
  readonly lastSequence: number;
}

/** One that stands in the log. */
export interface StoredBatch extends SequencedBatch {
  readonly baseOffset: number;
}

export type KeptBatch = Pick<StoredBatch, 'firstSequence' | 'lastSequence' | 'baseOffset'>;

/** What a partition knows of one producer: the newest epoch, and its last batches, in the order of the log. */
export interface KnownProducer {
  readonly epoch: number;
  readonly batches: readonly KeptBatch[];
  /** When it was seen last, by storage's clock; undefined: it has written since the last snapshot. */
  readonly lastSeenMs: number | undefined;
}

export type Producers = ReadonlyMap<number, KnownProducer>;

export type Verdict =
  | { readonly kind: 'accept' }
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  /** A gap, a partial overlap, a batch older than the kept ones, or a new epoch that does not begin at 0. */
  | { readonly kind: 'outOfOrder'; readonly expectedSequence: number }
  | { readonly kind: 'oldEpoch'; readonly epoch: number };

/** Sequence numbers are int32 from 0 on; behind the largest comes 0. */
const SEQUENCES = 2 ** 31;

export function sequenceAfter(sequence: number, by = 1): number {
  return (sequence + by) % SEQUENCES;
}

/**
 * Kafka's rules for idempotent producers (KIP-98; `ProducerAppendInfo` of its broker), judged by what stands in the log.
 * A producer that is not known, because it is new or was forgotten, may begin with any sequence number.
 */
export function judgeBatch(known: KnownProducer | undefined, batch: SequencedBatch): Verdict {
  if (known === undefined) return { kind: 'accept' };
  if (batch.epoch < known.epoch) return { kind: 'oldEpoch', epoch: known.epoch };
  if (batch.epoch > known.epoch) return beginsAt(0, batch);
  const { firstSequence, lastSequence } = batch;
  const stored = known.batches.find(
    (kept) => kept.firstSequence === firstSequence && kept.lastSequence === lastSequence,
  );
  if (stored !== undefined) return { kind: 'duplicate', baseOffset: stored.baseOffset };
  const last = known.batches.at(-1);
  return last === undefined ? { kind: 'accept' } : beginsAt(sequenceAfter(last.lastSequence), batch);
}

function beginsAt(expectedSequence: number, { firstSequence }: SequencedBatch): Verdict {
  return firstSequence === expectedSequence ? { kind: 'accept' } : { kind: 'outOfOrder', expectedSequence };
}

/** One step of the fold. The log is the truth: what stands there was judged when it was appended. */
export function withBatch(
  known: KnownProducer | undefined,
  batch: StoredBatch,
  batchesKept: number = LIMITS.producerBatchesKept,
): KnownProducer {
  const { epoch, firstSequence, lastSequence, baseOffset } = batch;
  if (known !== undefined && epoch < known.epoch) return known;
  const before = known?.epoch === epoch ? known.batches : [];
  const batches = [...before, { firstSequence, lastSequence, baseOffset }].slice(-batchesKept);
  return { epoch, batches, lastSeenMs: undefined };
}

/**
 * What holds behind a stretch of log whose own fold, begun with nothing, is `later`: only its batches from `from` on
 * count, because `earlier` holds all that stand below.
 */
export function foldedOnto(
  earlier: Producers,
  {
    from,
    later,
    batchesKept,
  }: { readonly from: number; readonly later: Producers; readonly batchesKept: number },
): Map<number, KnownProducer> {
  const folded = new Map(earlier);
  for (const [producerId, { epoch, batches }] of later) {
    for (const batch of batches) {
      if (batch.baseOffset < from) continue;
      folded.set(producerId, withBatch(folded.get(producerId), { producerId, epoch, ...batch }, batchesKept));
    }
  }
  return folded;
}

/** As a snapshot keeps them: those that have written since the last one were seen now, and old ones are forgotten. */
export function agedTo(nowMs: number, producers: Producers): Map<number, KnownProducer> {
  const aged = new Map<number, KnownProducer>();
  for (const [producerId, producer] of producers) {
    const { lastSeenMs = nowMs } = producer;
    if (nowMs - lastSeenMs <= LIMITS.producerLifeMs) aged.set(producerId, { ...producer, lastSeenMs });
  }
  return aged;
}

/** Without the batches from `end` on, for a log that was set back to there. */
export function cutAt(end: number, producers: Producers): Map<number, KnownProducer> {
  const cut = new Map<number, KnownProducer>();
  for (const [producerId, producer] of producers) {
    const batches = producer.batches.filter(({ baseOffset }) => baseOffset < end);
    if (batches.length > 0) cut.set(producerId, { ...producer, batches });
  }
  return cut;
}
