import type { EngineParts } from '../engine-parts.ts';
import { type Chunk, chunkFromItem } from '../partition/chunk.ts';
import { readingStored } from '../partition/faults.ts';
import { loadPieces } from '../partition/load-pieces.ts';
import { planRead } from '../partition/read-plan.ts';
import { readBatchHeader } from '../record/header.ts';
import type { Call } from '../storage/call.ts';
import { countsHere, isToldInObject, producerBatches, storedBatch } from './chunk-producers.ts';
import type { StoredBatch } from './producers.ts';

export type Replayed =
  | { readonly kind: 'done'; readonly chunkCount: number }
  /** More chunks than were allowed lie before the end. */
  | { readonly kind: 'tooMany' }
  | { readonly kind: 'gap'; readonly offset: number; readonly nextOffset: number };

const CHUNKS_PER_PAGE = 256;

/**
 * Tells of every batch with a producer id in the chunks from `from` up to `end`, where a chunk begins and one ends, in the
 * order of the log. Stops where a chunk is missing. Throws `StorageFault`.
 */
export async function replay(
  { hot, bucket, rules }: Pick<EngineParts, 'hot' | 'bucket' | 'rules'>,
  stretch: { readonly pk: string; readonly from: number; readonly end: number; readonly chunksMax: number },
  see: (batch: StoredBatch) => void,
  call: Call,
): Promise<Replayed> {
  const { pk, from, end, chunksMax } = stretch;
  let next = from;
  let chunkCount = 0;
  while (next < end) {
    if (chunkCount === chunksMax) return { kind: 'tooMany' };
    const limit = Math.min(CHUNKS_PER_PAGE, chunksMax - chunkCount);
    const { items } = await hot.query(pk, { from: next, to: end - 1, limit, consistent: true }, call);
    if (items.length === 0) return { kind: 'gap', offset: next, nextOffset: end };
    for (const chunk of items.map(chunkFromItem)) {
      if (chunk.baseOffset !== next) return { kind: 'gap', offset: next, nextOffset: chunk.baseOffset };
      if (countsHere(chunk, rules)) {
        await readingStored(`Partition ${pk}`, () => seeAll(bucket, chunk, see, call));
      }
      next = chunk.endOffset;
      chunkCount += 1;
    }
  }
  return { kind: 'done', chunkCount };
}

async function seeAll(
  bucket: EngineParts['bucket'],
  chunk: Chunk,
  see: (batch: StoredBatch) => void,
  call: Call,
): Promise<void> {
  if (!isToldInObject(chunk)) {
    for (const batch of producerBatches(chunk)) see(batch);
    return;
  }
  const pieces = planRead([chunk], chunk.baseOffset, Number.POSITIVE_INFINITY);
  for (const bytes of await loadPieces(bucket, pieces, call)) {
    const batch = storedBatch(readBatchHeader(bytes));
    if (batch !== undefined) see(batch);
  }
}
