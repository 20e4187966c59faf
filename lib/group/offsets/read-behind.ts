import type { Vector } from '../../groups.ts';
import { LIMITS } from '../../limits.ts';
import type { FetchResult } from '../../log.ts';
import { HERE } from './vector.ts';

/**
 * What a reader's group had read behind the position that it went on from. It never grows: as reading comes past the last of
 * a region's records that had been read, the offset says as much, and the region is told of no more.
 */
export interface ReadBehind {
  /** The position it was committed with. */
  readonly from: number;
  readonly regions: readonly RegionRead[];
}

interface RegionRead {
  readonly region: string;
  /** Everything before it has been read, by the region's own offsets. */
  readonly next: number;
  /** The first offset here that says as much; undefined: none that was seen. */
  readonly passedAt: number | undefined;
}

/** Offsets `[from, to)`. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/** What one fetch answered, from the offset asked on. */
export type FetchedRange = Pick<FetchResult, 'nextOffset' | 'foreign'> & { readonly from: number };

/** Of more regions than a commit may tell of, the records of the others are given once more. */
export function readBehind(vector: Vector | undefined, from: number): ReadBehind | undefined {
  if (vector === undefined || vector.size === 0) return undefined;
  const regions = [...vector].slice(0, LIMITS.vectorRegionsMax).map(([region, next]) => ({
    region,
    next,
    passedAt: region === HERE ? next : undefined,
  }));
  return { from, regions };
}

/** What belongs into a commit of an offset up to which was read; undefined: the offset says it all, or is one from before. */
export function vectorAt(behind: ReadBehind | undefined, offset: number): Vector | undefined {
  if (behind === undefined || offset < behind.from) return undefined;
  const left = behind.regions.filter(({ passedAt }) => passedAt === undefined || passedAt > offset);
  return left.length === 0 ? undefined : new Map(left.map(({ region, next }) => [region, next]));
}

/** Without what an offset that is committed says itself; undefined: nothing is left. */
export function stillBehind(behind: ReadBehind | undefined, offset: number): ReadBehind | undefined {
  const regions = behind?.regions.filter(({ passedAt }) => passedAt === undefined || passedAt > offset);
  if (behind === undefined || regions === undefined || regions.length === 0) return undefined;
  return regions.length === behind.regions.length ? behind : { ...behind, regions };
}

/** What a fetch shows of it: which of the offsets have been read (ascending), and what is known from then on. */
export function seenBehind(
  behind: ReadBehind,
  fetched: FetchedRange,
): { readonly behind: ReadBehind; readonly read: readonly OffsetRange[] } {
  const nexts = new Map(behind.regions.map(({ region, next }) => [region, next]));
  const passed = new Map<string, number>();
  const read: OffsetRange[] = [];
  const add = (from: number, to: number): void => {
    if (from < to) read.push({ from, to });
  };
  const ownEnd = nexts.get(HERE) ?? 0;
  let at = fetched.from;
  for (const { region, baseOffset, endOffset, sourceOffset } of fetched.foreign ?? []) {
    add(at, Math.min(baseOffset, ownEnd));
    at = endOffset;
    const next = nexts.get(region);
    if (next === undefined || passed.has(region)) continue;
    // ⚑ Of a region's records those that have been read come before the others, because each region's are in order.
    const firstUnread = baseOffset + next - sourceOffset;
    add(baseOffset, Math.min(endOffset, firstUnread));
    if (firstUnread <= endOffset) passed.set(region, Math.max(baseOffset + 1, firstUnread));
  }
  add(at, Math.min(fetched.nextOffset, ownEnd));
  if (passed.size === 0) return { behind, read };
  const regions = behind.regions.map((one) => ({
    ...one,
    passedAt: one.passedAt ?? passed.get(one.region),
  }));
  return { behind: { ...behind, regions }, read };
}

/** Those of the ranges that touch `[from, to)`. */
export function rangesWithin(
  read: readonly OffsetRange[],
  { from, to }: OffsetRange,
): readonly OffsetRange[] {
  return read.filter((range) => range.from < to && from < range.to);
}

/** Whether one of the ranges covers all of `[from, to)`, as it does where all of a batch has been read. */
export function isAllRead(read: readonly OffsetRange[], { from, to }: OffsetRange): boolean {
  return read.some((range) => range.from <= from && to <= range.to);
}

export function isWithin(read: readonly OffsetRange[], offset: number): boolean {
  return read.some(({ from, to }) => from <= offset && offset < to);
}
