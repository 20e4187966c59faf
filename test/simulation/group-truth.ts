/** What storage's own history says of groups, in the order in which it happened. */
export interface GroupTruth {
  readonly positions: readonly PositionChange[];
  readonly removals: readonly MemberRemoval[];
}

/** A group's position in one partition, or who may commit there, has changed. */
export interface PositionChange {
  readonly groupId: string;
  readonly pk: string;
  readonly atMs: number;
  /** The process that did it. */
  readonly by: string;
  readonly before: StoredPosition | undefined;
  /** Undefined: forgotten, by itself or with all that the group had. */
  readonly after: StoredPosition | undefined;
}

export interface StoredPosition {
  /** Undefined until something is committed. */
  readonly committed: { readonly offset: number; readonly metadata: string } | undefined;
  /** Who took the partition over last. */
  readonly owner: string | undefined;
}

/** Somebody has found that a member is no longer one. */
export interface MemberRemoval {
  readonly groupId: string;
  readonly memberId: string;
  readonly atMs: number;
  readonly by: string;
}
