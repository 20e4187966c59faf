import type { CommittedPosition, PartitionOffset } from '../../group/offsets/offset-item.ts';

type Standing = Pick<PartitionOffset, 'carried'> & { readonly position: CommittedPosition };

/** A group's position in one partition, as it stands in both regions. */
export interface BothPositions {
  /** Alias of the region that is carried from. */
  readonly source: string;
  /** Alias of this one. */
  readonly region: string;
  readonly theirs: Standing;
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
export function offsetToCarry({ source, region, theirs, ours }: BothPositions): number | undefined {
  const { offset } = theirs.position;
  const standing = ours?.position;
  const isSeen = ours?.carried?.source === source && ours.carried.offset === offset;
  if (standing === undefined) return isSeen ? undefined : offset;
  if (standing.source === source) return Math.max(offset, standing.localOffset ?? 0);
  if (offset <= standing.offset) return undefined;
  if (standing.source !== undefined) return offset;
  const seenThere = theirs.carried?.source === region ? theirs.carried.offset : undefined;
  if (isSeen || seenThere === standing.offset) return isSeen ? undefined : offset;
  const hasGoneOn = isBehindNone(standing.offset, [seenThere, ours?.carried?.offset]);
  return hasGoneOn || theirs.position.committedMs > standing.committedMs ? offset : undefined;
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

/** What is stored here; undefined: what stands. ⚑ At most the end: behind it lies what has not been copied yet. */
export function carriedOffset({
  source,
  theirs,
  ours,
  offset,
  end,
}: Carrying): Pick<PartitionOffset, 'position' | 'carried'> | undefined {
  const { position: standing } = ours ?? {};
  const bounded = Math.min(offset, end);
  const follows = standing === undefined || standing.source === source;
  if (!follows && bounded <= standing.offset) return undefined;
  const localOffset = standing?.source === undefined ? standing?.offset : standing.localOffset;
  const { metadata, leaderEpoch, committedMs } = theirs.position;
  const position: CommittedPosition = {
    offset: bounded,
    leaderEpoch: bounded === theirs.position.offset ? leaderEpoch : -1,
    metadata,
    committedMs,
    source,
    ...(localOffset === undefined ? {} : { localOffset }),
  };
  const carried = { source, offset: theirs.position.offset };
  const isTheSame =
    standing?.source === source &&
    standing.offset === bounded &&
    standing.metadata === metadata &&
    ours?.carried?.source === source &&
    ours.carried.offset === carried.offset;
  return isTheSame ? undefined : { position, carried };
}
