import {
  type FetchedRange,
  isWithin,
  type ReadBehind,
  readBehind,
  seenBehind,
  vectorAt,
} from '../../../lib/group/offsets/read-behind.ts';
import type { CommittedOffset, Vector } from '../../../lib/groups.ts';
import type { SeenRecord } from './copied-truth.ts';

/** What a member knows of records that its group has had behind the position, as the library's consumers know it. */
export interface Skipping {
  /** Of what was fetched, in order, those that nobody in the group has had as far as the position told. */
  given(records: readonly SeenRecord[], fetched: FetchedRange): readonly SeenRecord[];
  /** What belongs into a commit of an offset up to which was read. */
  vectorAt(offset: number): Vector | undefined;
}

export function skipping(committed: CommittedOffset | undefined): Skipping {
  let behind: ReadBehind | undefined =
    committed === undefined ? undefined : readBehind(committed.vector, committed.offset);
  return {
    given: (records, fetched) => {
      if (behind === undefined) return records;
      const seen = seenBehind(behind, fetched);
      behind = seen.behind;
      return records.filter(({ offset }) => !isWithin(seen.read, offset));
    },
    vectorAt: (offset) => vectorAt(behind, offset),
  };
}
