import { StorageFault } from '../storage/fault.ts';
import type { AttributeValue } from '../storage/table.ts';

/** How far a log that is written in several regions has the records of the others, by their aliases. */
export type Origins = ReadonlyMap<string, OriginEnd>;

export interface OriginEnd {
  /** In that region, behind the last record that was copied from there. */
  readonly endOffset: number;
  /** Checksum of the last batch, by which it is known again. */
  readonly crc: number;
}

/** Where a copied chunk of such a log comes from: its records have these offsets in their own region, in the same order. */
export interface ChunkOrigin {
  readonly region: string;
  readonly baseOffset: number;
  readonly endOffset: number;
}

/** [alias, end offset, checksum, alias, …] */
export function originsToAttribute(origins: Origins): AttributeValue {
  return [...origins].flatMap(([region, { endOffset, crc }]) => [region, endOffset, crc]);
}

/** Throws `StorageFault` (`damaged`). */
export function originsFromAttribute(stored: readonly AttributeValue[]): Origins {
  const origins = new Map<string, OriginEnd>();
  for (let at = 0; at < stored.length; at += 3) {
    const [region, endOffset, crc] = stored.slice(at, at + 3);
    if (typeof region !== 'string' || typeof endOffset !== 'number' || typeof crc !== 'number') {
      throw damaged();
    }
    origins.set(region, { endOffset, crc });
  }
  return origins;
}

export function chunkOriginToAttribute({ region, baseOffset, endOffset }: ChunkOrigin): AttributeValue {
  return [region, baseOffset, endOffset];
}

/** Throws `StorageFault` (`damaged`). */
export function chunkOriginFromAttribute(stored: readonly AttributeValue[]): ChunkOrigin {
  const [region, baseOffset, endOffset] = stored;
  if (typeof region !== 'string' || typeof baseOffset !== 'number' || typeof endOffset !== 'number') {
    throw damaged();
  }
  return { region, baseOffset, endOffset };
}

/** As it is behind a chunk of that origin whose last batch has this checksum. */
export function originsWith(
  origins: Origins | undefined,
  { region, endOffset }: ChunkOrigin,
  crc: number,
): Origins {
  return new Map(origins).set(region, { endOffset, crc });
}

function damaged(): StorageFault {
  return new StorageFault('damaged', 'what is stored does not tell from which regions records come');
}
