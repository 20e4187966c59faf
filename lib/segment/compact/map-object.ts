import type { Codecs } from '../../record/codecs.ts';
import { StorageFault } from '../../storage/fault.ts';
import { type LastBatches, lastBatches } from './last-batches.ts';
import { deserialiseMap, type MapRoom, type OffsetMap } from './offset-map.ts';

/** What a pass has learned of its dirty stretch. */
export interface Learned {
  readonly map: OffsetMap;
  readonly producers: LastBatches;
}

const HEAD_BYTES = 16;
const PAIR_BYTES = 16;

/** Among what belongs to one partition, where the sweep collects it once no checkpoint refers to it. */
export function mapObjectKey(pk: string, id: string): string {
  return `segments/${pk.replace(':', '/')}/${id}/offsets.map`;
}

/*
 * Little endian:
 *
 *      0  uint32 CRC-32C of byte 8 on   4  four bytes of zeros   8  float64 number of producers
 *     16  for each float64 producer id, float64 last offset of its last batch; then the map (offset-map.ts)
 */
export function encodeLearned(codecs: Codecs, { map, producers }: Learned): Uint8Array {
  const head = new Float64Array(2 + 2 * producers.producerCount);
  head[1] = producers.producerCount;
  let at = 2;
  for (const [producerId, lastOffset] of producers.entries) {
    head[at] = producerId;
    head[at + 1] = lastOffset;
    at += 2;
  }
  const bytes = map.serialise(new Uint8Array(head.buffer));
  viewOf(bytes).setUint32(0, codecs.crc32c(bytes.subarray(8)), true);
  return bytes;
}

/** Throws `StorageFault` (`damaged`, or `refused` for a newer format). */
export function decodeLearned(codecs: Codecs, bytes: Uint8Array, room: MapRoom): Learned {
  const view = viewOf(bytes);
  const isSound = bytes.length > HEAD_BYTES && view.getUint32(0, true) === codecs.crc32c(bytes.subarray(8));
  if (!isSound) throw new StorageFault('damaged', 'what is stored is no offset map');
  const producerCount = view.getFloat64(8, true);
  const entries = Array.from({ length: producerCount }, (_, i) => {
    const at = HEAD_BYTES + i * PAIR_BYTES;
    return [view.getFloat64(at, true), view.getFloat64(at + 8, true)] as const;
  });
  const map = deserialiseMap(bytes.subarray(HEAD_BYTES + producerCount * PAIR_BYTES), room);
  return { map, producers: lastBatches(entries) };
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
