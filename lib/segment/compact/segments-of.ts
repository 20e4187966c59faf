import type { Call } from '../../storage/call.ts';
import type { Table } from '../../storage/table.ts';
import { coverFilter } from '../cover-filter.ts';
import { LOG_START_KEY, SEGMENT_PREFIX, type Segment, segmentFromItem } from '../segment-item.ts';

const SEGMENTS_PER_PAGE = 256;

/** The segment items of a partition in offset order, consistent, a page in memory at a time. */
export async function* segmentsOf(catalog: Table<string>, pk: string, call: Call): AsyncGenerator<Segment> {
  let after: string | undefined;
  // A topic that was not always compacted may have merged segments, and still the ones that they cover.
  const isInChain = coverFilter();
  for (;;) {
    const range = { from: SEGMENT_PREFIX, to: LOG_START_KEY, limit: SEGMENTS_PER_PAGE, consistent: true };
    const page = await catalog.query(pk, after === undefined ? range : { ...range, after }, call);
    for (const item of page.items) {
      const segment = item.sk.startsWith(SEGMENT_PREFIX) ? segmentFromItem(item) : undefined;
      if (segment !== undefined && isInChain(segment)) yield segment;
    }
    after = page.items.at(-1)?.sk;
    if (!page.more || after === undefined) return;
  }
}
