import type { EngineParts } from '../engine-parts.ts';

/**
 * Opens what is known of a region by its alias: the engine's parts on its storage, which need only be readable. Undefined:
 * no such region. Opening sends nothing, so a region that cannot be reached is known all the same.
 */
export type Sources = (alias: string) => Promise<EngineParts | undefined>;

/** A region that is copied from. */
export interface SourceRegion {
  readonly alias: string;
  readonly parts: EngineParts;
}
