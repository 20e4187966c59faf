import type { Vector } from '../../../lib/groups.ts';
import type { FetchResult } from '../../../lib/log.ts';
import type { SeenRecord } from './copied-truth.ts';

/** What a member of a group knows of records that it need not be given again. */
export interface Skipping {
  /** Of what was fetched, in order, those that nobody in the group has had as far as the position tells. */
  given(records: readonly SeenRecord[], fetched: FetchResult): readonly SeenRecord[];
  /** What is left to be committed beside the offset. */
  readonly vector: Vector | undefined;
}

/** In a region's own terms: `''` is itself, and a record's sequence is its offset where it was produced. */
export function skipping(committed: Vector | undefined): Skipping {
  const left = new Map(committed);
  const isNew = ({ offset }: SeenRecord, { foreign = [] }: FetchResult): boolean => {
    const stretch = foreign.find(({ baseOffset, endOffset }) => baseOffset <= offset && offset < endOffset);
    const region = stretch?.region ?? '';
    const sequence = stretch === undefined ? offset : stretch.sourceOffset + offset - stretch.baseOffset;
    const next = left.get(region);
    if (next === undefined) return true;
    if (sequence >= next - 1) left.delete(region);
    return sequence >= next;
  };
  return {
    given: (records, fetched) => records.filter((record) => isNew(record, fetched)),
    get vector() {
      return left.size === 0 ? undefined : new Map(left);
    },
  };
}
