import { MillraceError, unreachable } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ComingBatches } from '../producer/producer-tracker.ts';
import {
  judgeBatch,
  type KnownProducer,
  type Producers,
  type SequencedBatch,
  type StoredBatch,
  type Verdict,
  withBatch,
} from '../producer/producers.ts';
import type { AppendOutcome } from './append-entry.ts';
import type { Pending } from './append-queue.ts';

export interface SequencesJudged {
  /** Entries that have their answer and do not go on. */
  readonly settled: ReadonlyMap<Pending, AppendOutcome>;
  /** Entries whose answer depends on what becomes of others in the same chunk. */
  readonly deferred: ReadonlySet<Pending>;
  /** What the others will append. */
  readonly coming: ComingBatches;
  /** Something would be refused, and others may have appended what it lacks: the tail was seen before it arrived. */
  readonly tailIsOld: boolean;
}

type Ruling = 'accept' | 'defer' | 'lookAgain' | AppendOutcome;

/**
 * Judges those entries of one chunk that have sequence numbers, in their order: each by what stands in the log, and by what
 * those before it in the chunk are about to add. `isFresh`: whether the tail was seen after an entry arrived.
 */
export function judgeSequences(
  entries: readonly Pending[],
  view: {
    readonly producers: Producers;
    readonly tailOffset: number;
    readonly batchesKept: number;
    readonly isFresh: (entry: Pending) => boolean;
  },
): SequencesJudged {
  const settled = new Map<Pending, AppendOutcome>();
  const deferred = new Set<Pending>();
  const batches: StoredBatch[] = [];
  const coming = new Map<number, KnownProducer>();
  let tailIsOld = false;
  let baseOffset = view.tailOffset;
  const rule = (entry: Pending, batch: SequencedBatch): Ruling => {
    const known = view.producers.get(batch.producerId);
    const before = coming.get(batch.producerId);
    if (before !== undefined) return ruleBehind(before, known, batch);
    const isNew = known === undefined;
    // Others in the chunk may be new too; a few more than there is room for do no harm.
    if (isNew && view.producers.size >= LIMITS.producersPerPartitionMax) return tooManyProducers();
    const verdict = judgeBatch(known, batch);
    return verdict.kind === 'outOfOrder' && !view.isFresh(entry) ? 'lookAgain' : rulingOf(verdict, batch);
  };
  for (const entry of entries) {
    const { sequenced } = entry;
    const ruling = sequenced === undefined ? 'accept' : rule(entry, sequenced);
    if (ruling === 'lookAgain') tailIsOld = true;
    else if (ruling === 'defer') deferred.add(entry);
    else if (ruling !== 'accept') settled.set(entry, ruling);
    else {
      if (sequenced !== undefined) {
        const { producerId } = sequenced;
        const batch = { ...sequenced, baseOffset };
        const before = coming.get(producerId) ?? view.producers.get(producerId);
        coming.set(producerId, withBatch(before, batch, view.batchesKept));
        batches.push(batch);
      }
      baseOffset += entry.offsetCount;
    }
  }
  return { settled, deferred, coming: { endOffset: baseOffset, batches }, tailIsOld };
}

/**
 * Behind another batch of its producer in the same chunk: what stands in the log can be answered at once; a refusal, or a
 * duplicate of what is not stored yet, only when it is known what became of the other.
 */
function ruleBehind(before: KnownProducer, known: KnownProducer | undefined, batch: SequencedBatch): Ruling {
  const verdict = judgeBatch(known, batch);
  if (verdict.kind === 'duplicate' || verdict.kind === 'oldEpoch') return rulingOf(verdict, batch);
  return judgeBatch(before, batch).kind === 'accept' ? 'accept' : 'defer';
}

function rulingOf(verdict: Verdict, batch: SequencedBatch): Ruling {
  switch (verdict.kind) {
    case 'accept':
      return 'accept';
    case 'duplicate':
      return { kind: 'appended', baseOffset: verdict.baseOffset, duplicate: true };
    case 'outOfOrder': {
      const { producerId, epoch, firstSequence } = batch;
      const message = `Producer ${producerId} sent sequence ${firstSequence} of epoch ${epoch}; ${verdict.expectedSequence} comes next`;
      return { kind: 'failed', error: new MillraceError('OUT_OF_ORDER_SEQUENCE_NUMBER', message) };
    }
    case 'oldEpoch': {
      const message = `Producer ${batch.producerId} has epoch ${verdict.epoch} by now, not ${batch.epoch}`;
      return { kind: 'failed', error: new MillraceError('INVALID_PRODUCER_EPOCH', message) };
    }
    default:
      return unreachable(verdict);
  }
}

function tooManyProducers(): AppendOutcome {
  const message = `${LIMITS.producersPerPartitionMax} producers have written to this partition lately`;
  return { kind: 'failed', error: new MillraceError('THROTTLING_QUOTA_EXCEEDED', message) };
}
