import type { EngineParts } from '../../engine-parts.ts';
import { readingStored } from '../../partition/faults.ts';
import type { BatchIn } from '../../record/batches-in.ts';
import type { Codecs } from '../../record/codecs.ts';
import { NULL_LENGTH } from '../../record/record.ts';
import type { Call } from '../../storage/call.ts';
import type { Learned } from './map-object.ts';
import { segmentBatches } from './segment-batches.ts';
import { segmentsOf } from './segments-of.ts';
import { walkKeys } from './walk-keys.ts';

type Dependencies = Pick<EngineParts, 'catalog' | 'bucket' | 'codecs'>;

export interface MapStretch {
  readonly pk: string;
  readonly from: number;
  readonly limit: number;
  /** Asked after every window; the map then ends where it is. */
  readonly isTimeUp: () => boolean;
}

export interface BuiltMap {
  /** Every record below it, from `from` on, is in the map. */
  readonly mapEnd: number;
  readonly isFull: boolean;
}

/**
 * Puts the keys of `[from, limit)` into the map, in offset order, until it is full. Control batches have no keys of
 * users; records without a key have no newest. Throws `StorageFault` (`damaged` with the object's name).
 */
export async function buildMap(
  deps: Dependencies,
  learned: Learned,
  stretch: MapStretch,
  call: Call,
): Promise<BuiltMap> {
  const { pk, from, limit, isTimeUp } = stretch;
  const filling = { end: from, isFull: false };
  for await (const segment of segmentsOf(deps.catalog, pk, call)) {
    if (segment.endOffset <= filling.end) continue;
    if (segment.baseOffset >= limit) break;
    for await (const window of segmentBatches(deps, segment, filling.end, call)) {
      await readingStored(`Object ${segment.objectKey}`, async () => {
        for (const batch of window) learn(deps.codecs, learned, batch, { ...stretch, filling });
      });
      if (filling.isFull || isTimeUp()) return { mapEnd: filling.end, isFull: filling.isFull };
    }
    filling.end = Math.min(limit, segment.endOffset);
  }
  return { mapEnd: limit, isFull: false };
}

interface Filling {
  end: number;
  isFull: boolean;
}

function learn(
  codecs: Codecs,
  { map, producers }: Learned,
  batch: BatchIn,
  { from, limit, filling }: MapStretch & { readonly filling: Filling },
): void {
  const { header } = batch;
  const endOffset = header.baseOffset + header.lastOffsetDelta + 1;
  if (filling.isFull || endOffset <= from || header.baseOffset >= limit) return;
  producers.see(header);
  if (!header.isControl) {
    walkKeys(codecs, batch, (section, offset, keyAt, keyBytes) => {
      if (filling.isFull || offset < from || offset >= limit || keyBytes === NULL_LENGTH) return;
      if (map.put(offset, section, keyAt, keyBytes)) return;
      filling.isFull = true;
      filling.end = offset;
    });
  }
  if (!filling.isFull) filling.end = Math.min(limit, endOffset);
}
