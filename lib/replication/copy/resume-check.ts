import type { Codecs } from '../../record/codecs.ts';
import type { Call } from '../../storage/call.ts';
import { differenceOf } from './compare-batches.ts';
import { onSide } from './on-side.ts';
import type { CopiedBatch, CopyReader } from './read-source.ts';

/**
 * ⚑ Before the first append of a run: whether the batch that was copied last is what the source has at that place. A source
 * that was restored to an earlier time, or a wrong one, must not be mixed with what was copied before. Answers why not, for
 * people. Where retention or compaction has taken the batch on either side, nothing can be said against going on.
 */
export async function findDivergence(
  parts: { readonly codecs: Codecs; readonly copy: CopyReader; readonly source: CopyReader },
  position: number,
  call: Call,
): Promise<string | undefined> {
  const copy = await batchBefore(parts.copy, 'target', position, call);
  if (copy === undefined) return undefined;
  const source = await batchBefore(parts.source, 'source', position, call);
  if (typeof source === 'number') return endsBefore(source, position);
  if (source === undefined || typeof copy === 'number') return undefined;
  return onSide('source', async () => differenceOf(parts.codecs, copy, source));
}

export function endsBefore(sourceEnd: number, position: number): string {
  return `The source ends at offset ${sourceEnd}, before the copy, which ends at ${position}`;
}

/** The batch that ends at `position`; undefined if it is gone; the log's end if that lies before it. */
async function batchBefore(
  reader: CopyReader,
  side: 'source' | 'target',
  position: number,
  call: Call,
): Promise<CopiedBatch | number | undefined> {
  const offset = position - 1;
  const found = await onSide(side, () => reader.read(offset, 1, call));
  if (found.kind === 'endsBefore') return found.endOffset;
  if (found.kind === 'batches') {
    const [batch] = found.batches;
    return batch !== undefined && batch.header.baseOffset <= offset ? batch : undefined;
  }
  const { endOffset } = await onSide(side, () => reader.ends(call));
  return endOffset < position ? endOffset : undefined;
}
