import type { EngineParts } from '../engine-parts.ts';
import { moveLogStart } from '../segment/log-start.ts';
import type { Call } from '../storage/call.ts';
import { outOfRange } from './partition-reader.ts';
import type { PartitionState } from './partition-state.ts';
import { readTail } from './tail.ts';

type Dependencies = Pick<EngineParts, 'hot' | 'catalog' | 'random' | 'rules'>;

/** Instead of an offset: everything there is. */
export const HIGH_WATERMARK = -1;

/**
 * Kafka's DeleteRecords (KIP-107) for one partition: moves the log start to `offset`, which may lie in the middle of a
 * batch. An offset below the log start changes nothing. Answers the log start. What lies below it is unreadable at
 * once; retention and the sweep remove it later. Throws OFFSET_OUT_OF_RANGE beyond the end, or `StorageFault`.
 */
export async function deleteRecords(
  deps: Dependencies,
  partition: { readonly pk: string; readonly state: PartitionState },
  offset: number,
  call: Call,
): Promise<number> {
  const { pk, state } = partition;
  const { tail, bounds } = await readTail(deps, pk, deps.rules, call);
  const to = offset === HIGH_WATERMARK ? tail.offset : offset;
  if (!Number.isSafeInteger(to) || to < 0 || to > tail.offset) {
    throw outOfRange(to, { start: bounds.logStart, end: tail.offset });
  }
  const start =
    to <= bounds.logStart
      ? bounds.logStart
      : (await moveLogStart(deps, pk, (now) => (now.offset >= to ? undefined : { ...now, offset: to }), call))
          .offset;
  state.learnBounds({ ...bounds, logStart: start });
  return start;
}
