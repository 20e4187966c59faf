import type { OffsetMap } from './offset-map.ts';

/**
 * Which offsets of the dirty stretch hold the newest record of their key: a bit each. The map has seen every record of
 * that stretch, so the offsets it holds are the ones that stay, and neither keys nor hashes have to be looked at again;
 * a batch without a bit need not even be opened.
 */
export interface Survivors {
  /** The bits are about `[from, end)`. */
  readonly from: number;
  readonly end: number;
  has(offset: number): boolean;
  /** In `[from, end)` as far as that lies in the stretch. */
  countIn(from: number, end: number): number;
}

/** 8 MiB. */
const OFFSETS_MAX = 67_108_864;

/** For a longer stretch the bits are about its first part. */
export function survivors(
  map: OffsetMap,
  stretch: { readonly from: number; readonly end: number },
): Survivors {
  const { from } = stretch;
  const end = Math.min(stretch.end, from + OFFSETS_MAX);
  const bits = new Uint8Array(Math.ceil((end - from) / 8));
  map.eachOffset((offset) => {
    if (offset < from || offset >= end) return;
    const at = offset - from;
    bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  });
  const has = (offset: number): boolean => {
    const at = offset - from;
    return ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  };
  return {
    from,
    end,
    has,
    countIn: (first, behind) => {
      let count = 0;
      for (let offset = first; offset < behind; offset += 1) count += has(offset) ? 1 : 0;
      return count;
    },
  };
}
