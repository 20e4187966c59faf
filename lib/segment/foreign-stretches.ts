import { LIMITS } from '../limits.ts';
import type { Chunk } from '../partition/chunk.ts';
import { StorageFault } from '../storage/fault.ts';
import type { AttributeValue } from '../storage/table.ts';
import type { Segment } from './segment-item.ts';

/** Offsets `[baseOffset, endOffset)` of a segment that were copied from another region, where they begin at `sourceOffset`. */
export interface ForeignStretch {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly region: string;
  readonly sourceOffset: number;
}

type Place = Pick<Chunk, 'baseOffset' | 'endOffset' | 'origin'>;

/** The stretches of a segment that is being put together. */
export interface StretchList {
  /** The next chunk. ⚑ False: the item could not hold what there would be then, and the segment ends before it. */
  take(chunk: Place): boolean;
  readonly all: readonly ForeignStretch[];
  readonly isFull: boolean;
}

export function stretchList(): StretchList {
  let all: readonly ForeignStretch[] = [];
  let isFull = false;
  return {
    take: (chunk) => {
      const next = stretchesWith(all, chunk);
      isFull = isTooMany(next);
      if (!isFull) all = next;
      return !isFull;
    },
    get all() {
      return all;
    },
    get isFull() {
      return isFull;
    },
  };
}

/** With what a chunk says of its records, in the order of the log. Neighbours that go on where the last ends become one. */
export function stretchesWith(
  stretches: readonly ForeignStretch[],
  { baseOffset, endOffset, origin }: Place,
): readonly ForeignStretch[] {
  if (origin === undefined) return stretches;
  return joinedStretches(stretches, [
    { baseOffset, endOffset, region: origin.region, sourceOffset: origin.baseOffset },
  ]);
}

/** As a segment's item tells it. */
export function foreignIn(
  stretches: readonly ForeignStretch[],
  origins: Segment['origins'],
): Pick<Segment, 'foreign' | 'origins'> {
  return {
    ...(stretches.length === 0 ? {} : { foreign: stretches }),
    ...(origins === undefined ? {} : { origins }),
  };
}

/** Of two parts of a log, the one behind the other. */
export function joinedStretches(
  stretches: readonly ForeignStretch[],
  later: readonly ForeignStretch[],
): readonly ForeignStretch[] {
  const [first, ...others] = later;
  const last = stretches.at(-1);
  if (first === undefined || last === undefined || !goesOn(last, first)) return [...stretches, ...later];
  return [...stretches.slice(0, -1), { ...last, endOffset: first.endOffset }, ...others];
}

function goesOn(last: ForeignStretch, next: ForeignStretch): boolean {
  return (
    next.region === last.region &&
    next.baseOffset === last.endOffset &&
    next.sourceOffset - last.sourceOffset === next.baseOffset - last.baseOffset
  );
}

/** ⚑ A segment ends before it has more of them than its item may hold. */
export function isTooMany(stretches: readonly ForeignStretch[]): boolean {
  return stretches.length > LIMITS.segmentStretchesMax;
}

/** What of the stretches lies within `[from, to)`, as a read tells it; nothing where nothing does. */
export function foreignWithin(
  stretches: readonly ForeignStretch[] | undefined,
  from: number,
  to: number,
): { readonly foreign?: readonly ForeignStretch[] } {
  if (stretches === undefined || stretches.length === 0) return {};
  const within = stretches.filter(({ baseOffset, endOffset }) => baseOffset < to && from < endOffset);
  if (within.length === 0) return {};
  return {
    foreign: within.map(({ region, ...stretch }) => {
      const baseOffset = Math.max(from, stretch.baseOffset);
      const sourceOffset = stretch.sourceOffset + baseOffset - stretch.baseOffset;
      return { region, baseOffset, endOffset: Math.min(to, stretch.endOffset), sourceOffset };
    }),
  };
}

/** The one that holds `offset`, else the first one behind it. */
export function stretchFrom(
  stretches: readonly ForeignStretch[] | undefined,
  offset: number,
): ForeignStretch | undefined {
  return stretches?.find(({ endOffset }) => offset < endOffset);
}

export function isForeign(stretches: readonly ForeignStretch[] | undefined, offset: number): boolean {
  const next = stretchFrom(stretches, offset);
  return next !== undefined && next.baseOffset <= offset;
}

/** [region, base offset, offsets covered, source offset, …], with a region only where it is another than before: else ''. */
export function stretchesToAttribute(stretches: readonly ForeignStretch[]): AttributeValue {
  return stretches.flatMap(({ region, baseOffset, endOffset, sourceOffset }, i) => [
    region === stretches[i - 1]?.region ? '' : region,
    baseOffset,
    endOffset - baseOffset,
    sourceOffset,
  ]);
}

/** Throws `StorageFault` (`damaged`). */
export function stretchesFromAttribute(stored: readonly AttributeValue[]): readonly ForeignStretch[] {
  const stretches: ForeignStretch[] = [];
  for (let at = 0; at < stored.length; at += 4) {
    const [named, baseOffset, count, sourceOffset] = stored.slice(at, at + 4);
    const region = named === '' ? stretches.at(-1)?.region : named;
    const isSound =
      typeof region === 'string' &&
      typeof baseOffset === 'number' &&
      typeof count === 'number' &&
      typeof sourceOffset === 'number';
    if (!isSound) throw new StorageFault('damaged', 'a segment does not tell which records are copies');
    stretches.push({ region, baseOffset, endOffset: baseOffset + count, sourceOffset });
  }
  return stretches;
}
