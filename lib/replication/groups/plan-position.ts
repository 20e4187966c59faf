import type { CarriedCommit, CommittedPosition, PartitionOffset } from '../../group/offsets/offset-item.ts';
import { isSameVector, joinedVectors, vectorBeyond } from '../../group/offsets/vector.ts';
import type { LogPosition } from '../merged/translate-position.ts';

type Standing = Pick<PartitionOffset, 'carried'> & { readonly position: CommittedPosition };

/** A group's position in one partition, as it stands in both regions. */
export interface BothPositions {
  /** Alias of the region that is carried from. */
  readonly source: string;
  /** Alias of this one. */
  readonly region: string;
  readonly theirs: Standing;
  /** What theirs is here, where a record has another offset in each region. @default the same offset */
  readonly translated?: LogPosition;
  /** Undefined: nothing stands here. */
  readonly ours: Pick<PartitionOffset, 'carried' | 'position'> | undefined;
}

/**
 * Where a group is to go on here after what its clients committed in the source; undefined: where it is. There is no clock
 * that both regions share, so what came first is told by what each item says it has seen of the other.
 *
 * - What was carried over from the source before follows it, back too, but ⚑ never behind what local clients had committed.
 * - ⚑ A local commit that was made after theirs was carried over is newer, wherever it lies.
 * - Otherwise a position only moves forward. One that local clients may have moved *back* was meant to be there: it gives way
 *   only to a commit that has seen it, or is later by storage's clocks; if those are apart, it gives way later.
 */
export function offsetToCarry(both: BothPositions): number | undefined {
  const { source, region, theirs, ours } = both;
  const { offset } = hereOf(both);
  const standing = ours?.position;
  const isSeen = ours?.carried?.source === source && ours.carried.offset === theirs.position.offset;
  if (standing === undefined) return isSeen ? undefined : offset;
  if (standing.source === source) return Math.max(offset, standing.localOffset ?? 0);
  if (!isForward(both, standing, offset)) return undefined;
  if (standing.source !== undefined) return offset;
  if (isSeen) return undefined;
  const seenThere = theirs.carried?.source === region ? theirs.carried.offset : undefined;
  const known = [seenThere, ours?.carried?.here ?? ours?.carried?.offset];
  const isNewer =
    seenThere === standing.offset ||
    isBehindNone(standing.offset, known) ||
    theirs.position.committedMs > standing.committedMs;
  return isNewer ? offset : undefined;
}

function hereOf({ theirs, translated }: BothPositions): LogPosition {
  return translated ?? { offset: theirs.position.offset };
}

/** Also where it stays, and more has been read of what stands behind it. */
function isForward(both: BothPositions, standing: CommittedPosition, offset: number): boolean {
  if (offset !== standing.offset) return offset > standing.offset;
  const { vector } = hereOf(both);
  return !isSameVector(joinedVectors(standing.vector, vector), standing.vector);
}

/** Whether local clients have not gone back from any position that both regions have known; false if there was none. */
function isBehindNone(offset: number, known: readonly (number | undefined)[]): boolean {
  const before = known.filter((one) => one !== undefined);
  return before.length > 0 && before.every((one) => offset >= one);
}

export interface Carrying extends BothPositions {
  /** As `offsetToCarry` says. */
  readonly offset: number;
  /** ⚑ Where the partition here ended when it was last looked at. */
  readonly end: number;
}

/**
 * What is stored here; undefined: what stands. ⚑ At most the end: behind it lies what has not been copied yet. What local
 * clients had read has been read: the group has read what either says.
 */
export function carriedOffset(carrying: Carrying): Pick<PartitionOffset, 'position' | 'carried'> | undefined {
  const { source, theirs, translated, ours, offset, end } = carrying;
  const standing = ours?.position;
  const bounded = Math.min(offset, end);
  const follows = standing === undefined || standing.source === source;
  if (!follows && !isForward(carrying, standing, bounded)) return undefined;
  const local = localOf(standing);
  const { metadata, leaderEpoch, committedMs } = theirs.position;
  const isAsThere = translated === undefined && bounded === theirs.position.offset;
  const vector = vectorBeyond(joinedVectors(hereOf(carrying).vector, local.localVector), bounded);
  const position: CommittedPosition = {
    offset: bounded,
    leaderEpoch: isAsThere ? leaderEpoch : -1,
    metadata,
    committedMs,
    ...(vector === undefined ? {} : { vector }),
    source,
    ...local,
  };
  const next = { position, carried: carriedFrom(carrying) };
  return ours !== undefined && isTheSame(ours, next) ? undefined : next;
}

/** What local clients had committed, which stays the least. */
function localOf(
  standing: CommittedPosition | undefined,
): Pick<CommittedPosition, 'localOffset' | 'localVector'> {
  if (standing === undefined) return {};
  const isLocal = standing.source === undefined;
  const localOffset = isLocal ? standing.offset : standing.localOffset;
  const localVector = isLocal ? standing.vector : standing.localVector;
  return {
    ...(localOffset === undefined ? {} : { localOffset }),
    ...(localVector === undefined ? {} : { localVector }),
  };
}

function carriedFrom(carrying: Carrying): CarriedCommit {
  const { offset } = carrying.theirs.position;
  const here = Math.min(hereOf(carrying).offset, carrying.end);
  return { source: carrying.source, offset, ...(here === offset ? {} : { here }) };
}

function isTheSame(
  { position: standing, carried }: NonNullable<BothPositions['ours']>,
  next: { readonly position: CommittedPosition; readonly carried: CarriedCommit },
): boolean {
  return (
    standing?.source === next.position.source &&
    standing?.offset === next.position.offset &&
    standing.metadata === next.position.metadata &&
    isSameVector(standing.vector, next.position.vector) &&
    carried?.source === next.carried.source &&
    carried.offset === next.carried.offset
  );
}
