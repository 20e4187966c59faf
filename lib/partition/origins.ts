import { StorageFault } from '../storage/fault.ts';
import type { AttributeValue } from '../storage/table.ts';

/**
 * How far a log that is written in several regions has the records of the others: by alias, the offset in that region behind
 * the last record that was copied from there.
 */
export type Origins = ReadonlyMap<string, number>;

/** Where a copied chunk of such a log comes from: its records have these offsets in their own region, in the same order. */
export interface ChunkOrigin {
  readonly region: string;
  readonly baseOffset: number;
  readonly endOffset: number;
}

/** [alias, offset, alias, offset, …] */
export function originsToAttribute(origins: Origins): AttributeValue {
  return [...origins].flat();
}

/** Throws `StorageFault` (`damaged`). */
export function originsFromAttribute(stored: readonly AttributeValue[]): Origins {
  const origins = new Map<string, number>();
  for (let at = 0; at < stored.length; at += 2) {
    const [region, offset] = [stored[at], stored[at + 1]];
    if (typeof region !== 'string' || typeof offset !== 'number') throw damaged();
    origins.set(region, offset);
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

/** As it is behind a chunk of that origin. */
export function originsWith(origins: Origins | undefined, { region, endOffset }: ChunkOrigin): Origins {
  return new Map(origins).set(region, endOffset);
}

function damaged(): StorageFault {
  return new StorageFault('damaged', 'what is stored does not tell from which regions records come');
}
