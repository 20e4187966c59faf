import { createHash } from 'node:crypto';
import type { SegmentExtent } from './plan.ts';

/** A segment item as it stood. */
export type SeenSegment = SegmentExtent & { readonly version: string };

/**
 * The segment items that a pass has left with nothing for its map to take. Whoever changes one gives it a new version,
 * so at the end of the pass it shows which have to be looked at again.
 */
export interface Vouched {
  add(segment: Pick<SeenSegment, 'baseOffset' | 'version'>): void;
  holds(segment: SeenSegment): boolean;
}

export function vouched(): Vouched {
  const versions = new Map<number, string>();
  return {
    add: ({ baseOffset, version }) => {
      versions.set(baseOffset, version);
    },
    holds: ({ baseOffset, version }) => versions.get(baseOffset) === version,
  };
}

/** The same for the same items in the same order: what a checkpoint keeps of those that were vouched for. */
export interface Fingerprint {
  add(segment: Pick<SeenSegment, 'baseOffset' | 'version'>): void;
  /** Of all that were added so far. */
  value(): string;
}

export function fingerprint(): Fingerprint {
  const hash = createHash('sha256');
  return {
    add: ({ baseOffset, version }) => {
      hash.update(`${baseOffset}:${version}\n`);
    },
    value: () => hash.copy().digest('base64url').slice(0, 22),
  };
}
