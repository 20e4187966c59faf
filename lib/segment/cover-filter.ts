import type { Segment } from './segment-item.ts';

/**
 * Tells, for the segment items of a partition in ascending order, which of them make up its chain. Where segments were
 * merged, the items of the others stay for an hour or more behind the one that covers them: their records are in both.
 */
export function coverFilter(): (segment: Pick<Segment, 'endOffset'>) => boolean {
  let end = -1;
  return ({ endOffset }) => {
    if (endOffset <= end) return false;
    end = endOffset;
    return true;
  };
}
