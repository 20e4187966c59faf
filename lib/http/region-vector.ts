import { HERE } from '../group/offsets/vector.ts';
import type { Vector } from '../groups.ts';
import type { RegionOffset } from './schemas/common.ts';

/** Vectors have no name for the region that they are of; in bodies every region has its alias. */
export function vectorBody(vector: Vector | undefined, region: string): readonly RegionOffset[] {
  return Array.from(vector ?? [], ([alias, offset]) => ({ region: alias === HERE ? region : alias, offset }));
}

export function vectorOf(vector: readonly RegionOffset[], region: string): Vector {
  return new Map(vector.map(({ region: alias, offset }) => [alias === region ? HERE : alias, offset]));
}
