import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Table } from '../../storage/table.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem, segmentSortKey } from '../segment-item.ts';
import type { SegmentCache } from './segment-cache.ts';

interface Dependencies {
  readonly catalog: Table<string>;
  readonly segments: SegmentCache;
}

/**
 * The segment that holds `offset`, which lies below the sealed end: from the cache, else by one query for the item at or
 * below the offset. (Where segments were merged, an item may be there still that the one before it covers; either will
 * do.) A stale item may name an object that has been replaced: `consistent` asks for the newest at once. Throws
 * `StorageFault` (`damaged`) if the chain has a gap there.
 */
export async function findSegment(
  { catalog, segments }: Dependencies,
  { pk, offset, consistent: forSure }: { pk: string; offset: number; consistent: boolean },
  call: Call,
): Promise<Segment> {
  if (forSure) segments.forget(pk);
  const known = segments.find(pk, offset);
  if (known !== undefined) return known;
  for (const consistent of forSure ? [true] : [false, true]) {
    const range = { from: SEGMENT_PREFIX, to: segmentSortKey(offset), reverse: true, limit: 1, consistent };
    const { items, observation } = await catalog.query(pk, range, call);
    const segment = items[0] === undefined ? undefined : segmentFromItem(items[0]);
    if (segment === undefined || segment.endOffset <= offset) continue;
    segments.add(pk, segment, observation);
    return segment;
  }
  throw new StorageFault(
    'damaged',
    `Partition ${pk}: no segment holds offset ${offset}, below the sealed end`,
  );
}
