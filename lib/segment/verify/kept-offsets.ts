import type { Chunk } from '../../partition/chunk.ts';
import type { Stretch } from '../../partition/stretch.ts';
import type { BatchHeader } from '../../record/header.ts';
import type { Find } from './findings.ts';

/** The batches of a copy ascend within its range, and the last one ends it. */
export function checkKeptOffsets(find: Find, chunk: Chunk, headers: readonly BatchHeader[]): void {
  const { baseOffset, endOffset } = chunk;
  let end = baseOffset;
  for (const header of headers) {
    if (header.baseOffset < end) {
      const message = `The chunk at ${baseOffset} has a batch for ${header.baseOffset} behind ${end}`;
      find('batch-offsets', message, header.baseOffset);
    }
    end = header.baseOffset + header.lastOffsetDelta + 1;
  }
  if (end !== endOffset) {
    find(
      'batch-offsets',
      `The batches of the chunk at ${baseOffset} end at ${end}, not at ${endOffset}`,
      end,
    );
  }
}

/** Whether stretches tell what the batches say. */
export function tellBatches(stretches: readonly Stretch[], headers: readonly BatchHeader[]): boolean {
  let at = 0;
  for (const stretch of stretches) {
    const first = at;
    let bytes = 0;
    let hasProducers = false;
    for (; bytes < stretch.bytes && at < headers.length; at += 1) {
      bytes += headers[at]?.batchBytes ?? 0;
      hasProducers ||= (headers[at]?.producerId ?? -1) >= 0;
    }
    const last = headers[at - 1];
    const isRight =
      bytes === stretch.bytes &&
      headers[first]?.baseOffset === stretch.baseOffset &&
      last !== undefined &&
      last.baseOffset + last.lastOffsetDelta + 1 === stretch.endOffset &&
      hasProducers === stretch.hasProducers;
    if (!isRight) return false;
  }
  return at === headers.length;
}
