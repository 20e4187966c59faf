import type { EngineParts } from '../../engine-parts.ts';
import { LIMITS } from '../../limits.ts';
import type { Bounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import type { LogStart } from '../log-start.ts';
import { type Segment, segmentSortKey, segmentToItem } from '../segment-item.ts';

type Dependencies = Pick<EngineParts, 'catalog' | 'clock' | 'random' | 'rules'>;

export interface Dropped {
  readonly droppedCount: number;
  readonly droppedBytes: number;
  readonly waitingCount: number;
}

/** What lies below the log start, ascending, as it was seen. */
export interface Droppable {
  readonly pk: string;
  readonly bounds: Bounds;
  readonly unneeded: readonly Segment[];
  readonly start: LogStart;
  readonly nowMs: number;
}

/**
 * Removes segment items that lie below the log start, in ascending order, each only as it was seen: one that somebody
 * has replaced meanwhile is left to the next run.
 *
 * ⚑ The last item is never removed, because the chain ends where it does: it only gives up its object.
 * ⚑ The others must have stood for an hour. A sealer whose put is still on its way saw the chain end where such an item
 * begins, at most 31 minutes before its put arrives: it must meet the item, or there would be a second one.
 */
export async function dropSegments(deps: Dependencies, dropping: Droppable, call: Call): Promise<Dropped> {
  const { pk, bounds, unneeded, start, nowMs } = dropping;
  let droppedCount = 0;
  let droppedBytes = 0;
  let waitingCount = 0;
  for (const segment of unneeded) {
    if (deps.clock.monotonicMs() >= call.deadlineMs) break;
    if (segment.endOffset > start.offset) break;
    const isLast = segment.endOffset >= bounds.sealedEnd;
    let isDropped: boolean;
    if (isLast && deps.rules.lastSegmentStays) isDropped = await empty(deps, pk, segment, call);
    else if (isLast || hasStood(segment, start, nowMs)) isDropped = await remove(deps, pk, segment, call);
    else {
      waitingCount += 1;
      continue;
    }
    droppedCount += isDropped ? 1 : 0;
    droppedBytes += isDropped ? segment.bytes : 0;
  }
  return { droppedCount, droppedBytes, waitingCount };
}

function hasStood(segment: Segment, { standing }: LogStart, nowMs: number): boolean {
  if (standing === undefined || segment.endOffset > standing.below) return false;
  return nowMs - standing.seenMs >= LIMITS.segmentItemLifeMsMin;
}

async function remove(deps: Dependencies, pk: string, segment: Segment, call: Call): Promise<boolean> {
  const key = { pk, sk: segmentSortKey(segment.baseOffset) };
  const { deleted } = await deps.catalog.delete(key, { ifVersion: segment.version }, call);
  return deleted;
}

async function empty(deps: Dependencies, pk: string, segment: Segment, call: Call): Promise<boolean> {
  if (segment.objectKey === undefined) return false;
  const stub: Segment = {
    ...segment,
    version: deps.random.id(),
    objectKey: undefined,
    bytes: 0,
    index: [],
  };
  const condition = { kind: 'ifVersion', version: segment.version } as const;
  return (await deps.catalog.put(segmentToItem(pk, stub), { condition }, call)).stored;
}
