import type { GroupParts } from '../group-parts.ts';
import type { OffsetCache } from './offset-cache.ts';

/** What positions are kept with. */
export interface OffsetParts extends GroupParts {
  readonly offsets: OffsetCache;
}

/** Positions of one request that are dealt with at the same time. */
export const PLACES_AT_ONCE = 16;
/** Others that change the same position at the same time; each lost try has seen theirs. */
export const OFFSET_TRIES_MAX = 8;
