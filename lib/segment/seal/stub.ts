import { chunkFromItem } from '../../partition/chunk.ts';
import type { Call } from '../../storage/call.ts';
import type { Table } from '../../storage/table.ts';
import type { SegmentContent } from '../describe-segment.ts';
import { foreignIn } from '../foreign-stretches.ts';
import type { Unsealed } from './seal-due.ts';

/**
 * Up to where what is unsealed lies wholly below the log start, at a boundary between two chunks; `sealedEnd` if nothing
 * does. One read, however much was deleted: the chunk that holds the log start is asked for, and where none does, none
 * that is there begins before it and ends behind it. (What was deleted may have gaps: nobody will read it.)
 */
export async function findDeletedEnd(
  hot: Table<number>,
  seen: {
    readonly pk: string;
    readonly sealedEnd: number;
    readonly logStart: number;
    readonly unsealed: Unsealed;
  },
  call: Call,
): Promise<number> {
  const { pk, sealedEnd, logStart, unsealed } = seen;
  const { baseOffset, endOffset } = unsealed.oldest;
  if (logStart <= sealedEnd || (baseOffset === sealedEnd && logStart < endOffset)) return sealedEnd;
  const { items } = await hot.query(pk, { to: logStart, reverse: true, limit: 1, consistent: true }, call);
  const floor = items[0] === undefined ? undefined : chunkFromItem(items[0]);
  const isInside = floor !== undefined && logStart < floor.endOffset;
  return isInside ? Math.max(floor.baseOffset, sealedEnd) : logStart;
}

/** A link of the chain without records. */
export function stubContent(
  baseOffset: number,
  endOffset: number,
  origins?: SegmentContent['origins'],
): SegmentContent {
  const times = { firstTimestampMs: -1, maxTimestampMs: -1 };
  return { baseOffset, endOffset, bytes: 0, ...times, index: [], ...foreignIn([], origins) };
}
