import { invariant } from '../../errors.ts';
import type { ReadBehind } from '../../group/offsets/read-behind.ts';
import { readVarlong, varlongBytes, writeVarlong } from '../../record/varint.ts';
import type { HeldPartition } from './instance.ts';

/** What the group of an instance had read behind its positions in one topic, by partition. */
export type BehindNumbers = Pick<HeldPartition, 'partition' | 'behind'>;

/** The aliases of regions, each told once for all of an instance's positions. */
export interface AliasTable {
  readonly aliases: readonly string[];
  placeOf(region: string): number;
}

export function aliasTable(): AliasTable {
  const places = new Map<string, number>();
  return {
    get aliases() {
      return [...places.keys()];
    },
    placeOf: (region) => {
      const place = places.get(region) ?? places.size;
      places.set(region, place);
      return place;
    },
  };
}

/*
 * Zig-zag varints, for each partition of whose group something had been read behind its position:
 *
 *   partition   from   count   [place of the alias   next   passed at − from, −1 unless it is known] …
 */
export function encodeBehind(held: readonly BehindNumbers[], table: AliasTable): Uint8Array {
  const fields = held.flatMap(({ partition, behind }) =>
    behind === undefined
      ? []
      : [
          partition,
          behind.from,
          behind.regions.length,
          ...behind.regions.flatMap(({ region, next, passedAt }) => [
            table.placeOf(region),
            next,
            passedAt === undefined ? -1 : passedAt - behind.from,
          ]),
        ],
  );
  const bytes = new Uint8Array(fields.reduce((total, field) => total + varlongBytes(field), 0));
  let at = 0;
  for (const field of fields) at = writeVarlong(bytes, at, field);
  return bytes;
}

/** Throws on bytes that were not written by `encodeBehind` with these aliases. */
export function decodeBehind(bytes: Uint8Array, aliases: readonly string[]): ReadonlyMap<number, ReadBehind> {
  const reader = { bytes, at: 0, end: bytes.length };
  const found = new Map<number, ReadBehind>();
  while (reader.at < reader.end) {
    const partition = readVarlong(reader);
    const from = readVarlong(reader);
    const regions = Array.from({ length: readVarlong(reader) }, () => {
      const region = aliases[readVarlong(reader)];
      invariant(region !== undefined, 'every region has an alias');
      const next = readVarlong(reader);
      const distance = readVarlong(reader);
      return { region, next, passedAt: distance < 0 ? undefined : from + distance };
    });
    found.set(partition, { from, regions });
  }
  return found;
}
