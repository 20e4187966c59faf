import { batchesIn } from '../record/batches-in.ts';
import type { Chunk } from './chunk.ts';

/** One batch of a chunk, or where it keeps offsets and is spilled, several in a row. */
export interface ChunkExtent {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly bytes: number;
  readonly maxTimestampMs: number;
}

/**
 * What a chunk holds, in order, as far as its item tells. Without gaps, unless the chunk keeps offsets. Throws
 * CORRUPT_MESSAGE where its bytes are damaged.
 */
export function* extentsOf(chunk: Chunk): Generator<ChunkExtent> {
  const { body } = chunk;
  if (body.kind === 'closed') return;
  if (body.kind === 'spilled' && 'stretches' in body) return yield* body.stretches;
  let offset = chunk.baseOffset;
  const batches: Iterable<Batch> = body.kind === 'spilled' ? body.batches : inlineBatches(chunk, body.bytes);
  for (const batch of batches) {
    const baseOffset = batch.baseOffset ?? offset;
    offset = baseOffset + batch.offsetCount;
    const { bytes, maxTimestampMs } = batch;
    yield { baseOffset, endOffset: offset, bytes, maxTimestampMs };
  }
}

interface Batch {
  readonly bytes: number;
  readonly offsetCount: number;
  readonly maxTimestampMs: number;
  /** Undefined: where the one before ends. */
  readonly baseOffset?: number;
}

function* inlineBatches({ keepsOffsets }: Chunk, bytes: Uint8Array): Generator<Batch> {
  for (const { header } of batchesIn(bytes)) {
    const { batchBytes, lastOffsetDelta, maxTimestampMs, baseOffset } = header;
    const batch = { bytes: batchBytes, offsetCount: lastOffsetDelta + 1, maxTimestampMs };
    yield keepsOffsets === true ? { ...batch, baseOffset } : batch;
  }
}
