/**
 * The rules that keep acknowledged data safe, each as a switch. Production never turns one off; the simulation does,
 * one at a time, to show that its checkers notice (test/simulation/breaks.test.ts). What each rule prevents is told in
 * docs/guarantees.md.
 */
export interface Rules {
  /** A conditional put that lost to its own version has succeeded. */
  readonly tokenCheck: boolean;
  /** After an ambiguous append at a tail, the same item is retried there until what stands there is seen. */
  readonly retryAtTail: boolean;
  /** A write that extends a chain is signed only while the observed tail is fresh. */
  readonly fence: boolean;
  /** The tail is the largest of newest hot item, sealed end and log start. */
  readonly tailRule: boolean;
  /** Deleting a topic first closes its partitions with a marker at the tail. */
  readonly closedMarker: boolean;
  /** An object is referred to for the first time only within an hour of its upload. */
  readonly firstReference: boolean;
  /** A read ends at the first gap. */
  readonly gapCut: boolean;
  /** The known tail moves only when the write that moves it is answered. */
  readonly tailAfterAnswer: boolean;
  /** A segment's object is stored before the item that refers to it. */
  readonly uploadBeforePublish: boolean;
  /** A sealer never seals past a gap in the hot chain. */
  readonly sealStopsAtGap: boolean;
  /** A sealer starts at the end of the segment chain, even when the log start lies beyond it. */
  readonly sealFromChainEnd: boolean;
  /** The expiry of unsealed chunks is rewritten before storage may act on it. */
  readonly expiryPushedOut: boolean;
  /** Only objects that have been there for a day are collected. */
  readonly sweepGrace: boolean;
  /** An object is deleted only once nothing refers to it. */
  readonly unpublishBeforeDelete: boolean;
  /** The last item of a segment chain is never removed, only emptied. */
  readonly lastSegmentStays: boolean;
  /** Compaction takes a record only if a newer one of its key is there. */
  readonly compactionKeepsNewest: boolean;
  /** A segment that changed while it was being compacted is compacted again before the pass counts as done. */
  readonly lostSwapRedone: boolean;
  /** A tombstone goes only `delete.retention.ms` after everything below it was compacted. */
  readonly tombstoneHorizon: boolean;
  /** Of every producer the last five batches are known, so that none of five in flight is stored twice. */
  readonly dedupeWindow: boolean;
  /** A snapshot of the producers' state holds what stands in the chain, never what is only on its way there. */
  readonly snapshotBehindChain: boolean;
  /** Only the member that took a partition over, in the epoch of its taking over, can commit there. */
  readonly commitFence: boolean;
  /** A member takes a partition over before it reads the position to go on from. */
  readonly takeOverBeforeRead: boolean;
  /** Whether a member still lives is judged by storage's clock, not by the member's own. */
  readonly sessionByStorageClock: boolean;
  /** Committed offsets go only with a group that has no members, and after it got a new incarnation. */
  readonly offsetsOutliveQuiet: boolean;
  /** A copy is appended only at the observed tail of its partition. */
  readonly copyAtObservedTail: boolean;
  /** Copying goes on where the remote partition ends, not where a note says it was. */
  readonly positionFromTail: boolean;
  /** Offsets are left out of a copy only where a consistent look shows that the source has no records there. */
  readonly gapFromConsistentLook: boolean;
  /** A topic that has come from a region is not copied back to it. */
  readonly prefixGuard: boolean;
  /** What a producer of another region has sent does not count for one of the same id here. */
  readonly originsApart: boolean;
  /** A group's position that is carried over is at most the end of the remote partition. */
  readonly syncedOffsetBounded: boolean;
  /** A group's position that was carried over is not carried further. */
  readonly syncedOffsetStays: boolean;
}

export const ALL_RULES: Rules = Object.freeze({
  tokenCheck: true,
  retryAtTail: true,
  fence: true,
  tailRule: true,
  closedMarker: true,
  firstReference: true,
  gapCut: true,
  tailAfterAnswer: true,
  uploadBeforePublish: true,
  sealStopsAtGap: true,
  sealFromChainEnd: true,
  expiryPushedOut: true,
  sweepGrace: true,
  unpublishBeforeDelete: true,
  lastSegmentStays: true,
  compactionKeepsNewest: true,
  lostSwapRedone: true,
  tombstoneHorizon: true,
  dedupeWindow: true,
  snapshotBehindChain: true,
  commitFence: true,
  takeOverBeforeRead: true,
  sessionByStorageClock: true,
  offsetsOutliveQuiet: true,
  copyAtObservedTail: true,
  positionFromTail: true,
  gapFromConsistentLook: true,
  prefixGuard: true,
  originsApart: true,
  syncedOffsetBounded: true,
  syncedOffsetStays: true,
});
