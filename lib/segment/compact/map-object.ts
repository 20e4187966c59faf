import { StorageFault } from '../../storage/fault.ts';
import { type LastBatches, lastBatches } from './last-batches.ts';
import { deserialiseMap, type OffsetMap } from './offset-map.ts';

/** What a pass has learned of its dirty stretch. */
export interface Learned {
  readonly map: OffsetMap;
  readonly producers: LastBatches;
}

const PAIR_BYTES = 16;

/** Among what belongs to one partition, where the sweep collects it once no checkpoint refers to it. */
export function mapObjectKey(pk: string, id: string): string {
  return `segments/${pk.replace(':', '/')}/${id}/offsets.map`;
}

/*
 * Little endian: float64 number of producers, for each float64 producer id and float64 last offset of its last batch,
 * then the map (offset-map.ts).
 */
export function encodeLearned({ map, producers }: Learned): Uint8Array {
  const head = new Float64Array(1 + 2 * producers.producerCount);
  head[0] = producers.producerCount;
  let at = 1;
  for (const [producerId, lastOffset] of producers.entries) {
    head[at] = producerId;
    head[at + 1] = lastOffset;
    at += 2;
  }
  return map.serialise(new Uint8Array(head.buffer));
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function decodeLearned(bytes: Uint8Array, options: { readonly mapBytes?: number }): Learned {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const producerCount = bytes.length < 8 ? -1 : view.getFloat64(0, true);
  const mapAt = 8 + producerCount * PAIR_BYTES;
  if (!(producerCount >= 0) || mapAt > bytes.length) {
    throw new StorageFault('damaged', 'what is stored is no offset map');
  }
  const entries = Array.from({ length: producerCount }, (_, i) => {
    const at = 8 + i * PAIR_BYTES;
    return [view.getFloat64(at, true), view.getFloat64(at + 8, true)] as const;
  });
  return { map: deserialiseMap(bytes.subarray(mapAt), options), producers: lastBatches(entries) };
}
