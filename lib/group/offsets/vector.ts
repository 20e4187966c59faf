import { MillraceError } from '../../errors.ts';
import type { Vector } from '../../groups.ts';
import { LIMITS } from '../../limits.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { AttributeValue } from '../../storage/table.ts';
import { utf8Bytes } from '../../storage/units.ts';

/** Under which a vector has the records that were produced in this region. */
export const HERE = '';

const ALIAS_BYTES_MAX = 100;

/** [alias, offset, alias, …], in the order of the aliases. */
export function vectorToAttribute(vector: Vector): AttributeValue {
  return [...vector].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
}

/** Throws `StorageFault` (`damaged`). */
export function vectorFromAttribute(stored: readonly AttributeValue[]): Vector {
  const vector = new Map<string, number>();
  for (let at = 0; at < stored.length; at += 2) {
    const [region, offset] = stored.slice(at, at + 2);
    if (typeof region !== 'string' || typeof offset !== 'number') {
      throw new StorageFault('damaged', "an offset item's attribute 'p' holds no vector");
    }
    vector.set(region, offset);
  }
  return vector;
}

/**
 * What of a vector says more than the offset that it stands with; undefined: nothing. ⚑ That somebody has read up to an
 * offset says how far he has read what was produced here; of the other regions' records only who has passed them knows.
 */
export function vectorBeyond(vector: Vector | undefined, offset: number): Vector | undefined {
  const left = [...(vector ?? [])].filter(([region, next]) => next > (region === HERE ? offset : 0));
  return left.length === 0 ? undefined : new Map(left);
}

/** What somebody has read who has read what either says. Undefined if both are. */
export function joinedVectors(one: Vector | undefined, other: Vector | undefined): Vector | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const joined = new Map(one);
  for (const [region, next] of other) joined.set(region, Math.max(next, joined.get(region) ?? 0));
  return joined;
}

export function isSameVector(one: Vector | undefined, other: Vector | undefined): boolean {
  const [a, b] = [one ?? new Map<string, number>(), other ?? new Map<string, number>()];
  return a.size === b.size && [...a].every(([region, next]) => b.get(region) === next);
}

/** INVALID_REQUEST. */
export function checkVector(vector: Vector): void {
  if (!(vector instanceof Map)) throw invalid('A vector is a Map from regions to offsets');
  if (vector.size > LIMITS.vectorRegionsMax) {
    throw invalid(`A position tells of at most ${LIMITS.vectorRegionsMax} regions`);
  }
  for (const [region, offset] of vector) {
    const isSound = Number.isSafeInteger(offset) && offset >= 0;
    if (!isSound) throw invalid(`${offset} is not an offset of region '${region}'`);
    if (!region.isWellFormed() || utf8Bytes(region) > ALIAS_BYTES_MAX) {
      throw invalid(`The alias of a region takes at most ${ALIAS_BYTES_MAX} bytes`);
    }
  }
}

const invalid = (problem: string): MillraceError => new MillraceError('INVALID_REQUEST', problem);
