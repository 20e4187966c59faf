import type { EngineParts } from '../engine-parts.ts';
import { chunkFromItem } from '../partition/chunk.ts';
import type { Call } from '../storage/call.ts';
import { SEGMENT_PREFIX, type Segment, segmentFromItem, segmentSortKey } from './segment-item.ts';

type Tables = Pick<EngineParts, 'hot' | 'catalog'>;

/** Of the first page; each of the following has four times as many as the one before, up to what is worth one answer. */
const ITEMS_FIRST = 16;
const ITEMS_MAX = 1_024;

/**
 * Behind the last record that was produced here, in a log that is written in several regions; 0 if none is left. Walks back
 * over what is newer and was copied, in pages that grow: a region that has long produced nothing is asked in some requests
 * more. Consistent. Throws `StorageFault`.
 */
export async function ownEnd(
  tables: Tables,
  pk: string,
  log: { readonly sealedEnd: number; readonly endOffset: number },
  call: Call,
): Promise<number> {
  return (await ownEndInChunks(tables, pk, log, call)) ?? ownEndInSegments(tables, pk, log.sealedEnd, call);
}

async function ownEndInChunks(
  { hot }: Tables,
  pk: string,
  { sealedEnd, endOffset }: { readonly sealedEnd: number; readonly endOffset: number },
  call: Call,
): Promise<number | undefined> {
  for (let to = endOffset, limit = ITEMS_FIRST; to >= sealedEnd; limit = larger(limit)) {
    const range = { from: sealedEnd, to, reverse: true, limit, consistent: true };
    const { items } = await hot.query(pk, range, call);
    const chunks = items.map(chunkFromItem);
    const own = chunks.find(({ origin, body }) => origin === undefined && body.kind !== 'closed');
    if (own !== undefined) return own.endOffset;
    const oldest = chunks.at(-1);
    if (oldest === undefined) return undefined;
    to = oldest.baseOffset - 1;
  }
  return undefined;
}

async function ownEndInSegments(
  { catalog }: Tables,
  pk: string,
  sealedEnd: number,
  call: Call,
): Promise<number> {
  for (let before = sealedEnd, limit = ITEMS_FIRST; before > 0; limit = larger(limit)) {
    const range = { from: SEGMENT_PREFIX, to: segmentSortKey(before - 1), reverse: true };
    const { items } = await catalog.query(pk, { ...range, limit, consistent: true }, call);
    const segments = items.map(segmentFromItem);
    for (const segment of segments) {
      const end = ownEndIn(segment);
      if (end !== undefined) return end;
    }
    before = segments.at(-1)?.baseOffset ?? 0;
  }
  return 0;
}

function larger(limit: number): number {
  return Math.min(ITEMS_MAX, 4 * limit);
}

/** Stretches are in the order of the log. Of what was deleted nothing is left. */
function ownEndIn({ baseOffset, endOffset, objectKey, foreign = [] }: Segment): number | undefined {
  if (objectKey === undefined) return undefined;
  let end = endOffset;
  for (const stretch of foreign.toReversed()) {
    if (stretch.endOffset < end) break;
    end = stretch.baseOffset;
  }
  return end > baseOffset ? end : undefined;
}
