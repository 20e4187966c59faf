import type { Chunk } from '../../partition/chunk.ts';
import { readBatchHeader } from '../../record/header.ts';
import { StorageFault } from '../../storage/fault.ts';

/**
 * The batches must cover exactly the offsets that the chunks say, or the chain would go on from a wrong end; those of a copy
 * may leave some out, but end where it ends. Throws `StorageFault` (`damaged`).
 */
export function refuseMisplaced(pk: string, chunks: readonly Chunk[], batches: readonly Uint8Array[]): void {
  let at = 0;
  let expected = chunks[0]?.baseOffset ?? 0;
  for (const batch of batches) {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(batch);
    const chunk = chunks[at];
    const mayLeaveOut = chunk?.keepsOffsets === true && baseOffset > expected;
    if (baseOffset !== expected && !mayLeaveOut) {
      throw damaged(pk, `at offset ${expected} is a batch for ${baseOffset}`);
    }
    expected = baseOffset + lastOffsetDelta + 1;
    if (chunk !== undefined && expected > chunk.endOffset) {
      throw damaged(pk, `a batch ends at offset ${expected}, its chunk at ${chunk.endOffset}`);
    }
    if (expected === chunk?.endOffset) at += 1;
  }
  const end = chunks.at(-1)?.endOffset;
  if (expected !== end) throw damaged(pk, `the batches end at offset ${expected}, not at ${end}`);
}

function damaged(pk: string, problem: string): StorageFault {
  return new StorageFault('damaged', `Partition ${pk}: ${problem}`);
}
