import type { EngineParts } from './engine-parts.ts';
import { answered } from './partition/faults.ts';
import { describeRegion, freezeRegion, thawRegion } from './region/freeze.ts';
import type { Region } from './region.ts';

/** Opens the region of a log's parts (`engineParts`); any number of processes may do so at once. */
export function openRegion(parts: EngineParts): Region {
  return {
    describe: (call) => answered(() => describeRegion(parts, call)),
    freeze: (call) => answered(() => freezeRegion(parts, call)),
    thaw: (call) => answered(() => thawRegion(parts, call)),
  };
}
