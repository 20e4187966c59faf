import { invariant } from '../errors.ts';
import type { BatchSummary } from '../partition/batch-summary.ts';
import type { Chunk } from '../partition/chunk.ts';
import { batchesIn } from '../record/batches-in.ts';
import type { BatchHeader } from '../record/header.ts';
import type { Rules } from '../rules.ts';
import { type SequencedBatch, type StoredBatch, sequenceAfter } from './producers.ts';

type Numbered = Pick<BatchSummary, 'producerId' | 'producerEpoch' | 'baseSequence' | 'offsetCount'>;

/** Undefined for a batch without a producer id. */
export function sequencedBatch(batch: Numbered): SequencedBatch | undefined {
  const { producerId, producerEpoch: epoch, baseSequence, offsetCount } = batch;
  if (producerId < 0) return undefined;
  const lastSequence = sequenceAfter(baseSequence, offsetCount - 1);
  return { producerId, epoch, firstSequence: baseSequence, lastSequence };
}

/** As `sequencedBatch`, for a header whose base offset is the batch's own. */
export function storedBatch(header: BatchHeader): StoredBatch | undefined {
  const batch = sequencedBatch({ ...header, offsetCount: header.lastOffsetDelta + 1 });
  return batch === undefined ? undefined : { ...batch, baseOffset: header.baseOffset };
}

/**
 * The batches of a chunk that have a producer id. Throws CORRUPT_MESSAGE where its bytes are damaged. Where
 * `isToldInObject`, its object has to be read instead. Whether they count is for `countsHere` to say.
 */
export function* producerBatches(chunk: Chunk): Generator<StoredBatch> {
  const { body } = chunk;
  if (body.kind === 'inline') yield* storedBatches(body.bytes, chunk);
  if (body.kind !== 'spilled') return;
  if ('stretches' in body)
    return invariant(!isToldInObject(chunk), 'the item of the chunk tells its batches');
  let { baseOffset } = chunk;
  for (const numbered of body.batches) {
    const batch = sequencedBatch(numbered);
    if (batch !== undefined) yield { ...batch, baseOffset };
    baseOffset += numbered.offsetCount;
  }
}

/** ⚑ Whether its producers are of this log: those of a chunk that was copied into it have the same ids in another. */
export function countsHere(
  { origin }: Pick<Chunk, 'origin'>,
  { originsApart }: Pick<Rules, 'originsApart'>,
): boolean {
  return origin === undefined || !originsApart;
}

/** Whether the chunk's item says only that there are batches with a producer id, and its object says which. */
export function isToldInObject({ body }: Chunk): boolean {
  return body.kind === 'spilled' && 'stretches' in body && body.stretches.some((one) => one.hasProducers);
}

/** As `producerBatches`, of bytes at hand. */
function* storedBatches(bytes: Uint8Array, chunk: Chunk): Generator<StoredBatch> {
  let offset = chunk.baseOffset;
  for (const { header } of batchesIn(bytes)) {
    const baseOffset = chunk.keepsOffsets === true ? header.baseOffset : offset;
    const batch = storedBatch({ ...header, baseOffset });
    if (batch !== undefined) yield batch;
    offset += header.lastOffsetDelta + 1;
  }
}

/**
 * The offset behind the last chunk with producer ids, as far as this one tells; undefined: there is none above the end of
 * the segments as it was when the chunk was appended. A damaged chunk counts as one that has some: whoever needs to know
 * will find out, and the others are not disturbed.
 */
export function producersEndAt(chunk: Chunk): number | undefined {
  if (chunk.origin !== undefined) return chunk.producersEnd;
  if (isToldInObject(chunk)) return chunk.endOffset;
  try {
    return producerBatches(chunk).next().done === true ? chunk.producersEnd : chunk.endOffset;
  } catch {
    return chunk.endOffset;
  }
}
