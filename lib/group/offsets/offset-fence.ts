import type { PartitionOffset } from './offset-item.ts';

/**
 * Who may change a position. A partition has one target at each epoch of the group, and only its target takes it over, so
 * at one epoch there is one taker; a later owner has seen a later epoch.
 */

/** ⚑ `groupEpoch`: of the group in which the taker was seen to own the partition and to be meant to. */
export function mayTakeOver(
  standing: PartitionOffset | undefined,
  taker: { readonly memberId: string; readonly groupEpoch: number },
): boolean {
  if (standing === undefined || standing.takenAt < taker.groupEpoch) return true;
  return standing.takenAt === taker.groupEpoch && standing.owner === taker.memberId;
}

/** What a commit on behalf of a member rests on. */
export interface Ownership {
  readonly memberId: string;
  /** ⚑ As it was when the member was known to own the partition. */
  readonly takenAt: number;
}

/** ⚑ A member that lost the partition and has it again is another owner: what it sent before comes too late. */
export function mayCommit(standing: PartitionOffset | undefined, ownership: Ownership): boolean {
  return standing?.owner === ownership.memberId && standing.takenAt === ownership.takenAt;
}

/** `groupEpoch`: of the group in which nobody was seen to be a member. ⚑ Somebody who joined later has taken over later. */
export function mayChangeFromOutside(standing: PartitionOffset | undefined, groupEpoch: number): boolean {
  return standing === undefined || standing.takenAt <= groupEpoch;
}
