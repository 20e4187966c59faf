import { segmentReader } from '../../segment/read/segment-reader.ts';
import type { Call } from '../../storage/call.ts';
import { isSurelySame } from '../copy/compare-batches.ts';
import type { CopySides } from '../copy/copier.ts';
import { onSide } from '../copy/on-side.ts';
import { type CopiedBatch, type CopyReader, createCopyReader } from '../copy/read-source.ts';

const READ_BYTES = 1_048_576;

/** Says of a partition and its former copy, by their keys, from which offset on they differ, at or behind `from`. */
export type FirstDifference = (
  place: { readonly sourcePk: string; readonly formerPk: string; readonly from: number },
  call: Call,
) => Promise<number>;

/**
 * ⚑ Behind the end that was noted when a copy was promoted, replicators that did not know of it may have brought more: batches
 * that are the source's, at its offsets. What is not in the former copy begins with the first that is not, or of
 * which it cannot be told, or where one of both ends. Throws `SideFault`.
 */
export function firstDifference({ source, target }: CopySides): FirstDifference {
  const sourceSealed = segmentReader({ ...source, readsAhead: false });
  const targetSealed = segmentReader({ ...target, readsAhead: false });

  return async ({ sourcePk, formerPk, from }, call) => {
    const ours = createCopyReader(target, targetSealed, formerPk);
    const theirs = createCopyReader({ ...source, rules: target.rules }, sourceSealed, sourcePk);
    let at = from;
    for (;;) {
      const [former, wanted] = [
        await readAt('target', ours, at, call),
        await readAt('source', theirs, at, call),
      ];
      const next = sameUpTo(former, wanted, at, (a, b) => isSurelySame(target.codecs, a, b));
      if (next === at) return at;
      at = next;
    }
  };
}

async function readAt(
  side: 'source' | 'target',
  reader: CopyReader,
  offset: number,
  call: Call,
): Promise<readonly CopiedBatch[]> {
  const read = await onSide(side, () => reader.read(offset, READ_BYTES, call));
  return read.kind === 'batches' ? read.batches : [];
}

/** `at` unless both begin with the same batches. */
function sameUpTo(
  former: readonly CopiedBatch[],
  wanted: readonly CopiedBatch[],
  at: number,
  isSame: (a: CopiedBatch, b: CopiedBatch) => boolean,
): number {
  let end = at;
  for (const [i, batch] of wanted.entries()) {
    const other = former[i];
    if (other === undefined || !isSame(other, batch)) return end;
    end = batch.header.baseOffset + batch.header.lastOffsetDelta + 1;
  }
  return end;
}
