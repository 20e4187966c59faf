import type { MillraceError } from './errors.ts';
import type { PartitionPlace } from './log.ts';
import type { Call } from './storage/call.ts';
import type { StoreWithin } from './storage/within.ts';

/**
 * Consumer groups as everything above the engine sees them: Kafka's server-side protocol (KIP-848) and committed offsets.
 * No process holds state that matters: any of them may serve any call of any member. Methods throw `MillraceError` for
 * what the caller can mend or retry, and let unexpected faults through with their cause.
 */
export interface Groups {
  /**
   * Joins (member epoch 0), stays, or leaves (-1; -2 for a static member that comes back), and answers what the member
   * has to own. INVALID_GROUP_ID, INVALID_REQUEST, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID,
   * FENCED_INSTANCE_ID, UNSUPPORTED_ASSIGNOR, INVALID_REGULAR_EXPRESSION, GROUP_MAX_SIZE_REACHED,
   * INVALID_SESSION_TIMEOUT, UNKNOWN_TOPIC_OR_PARTITION (never: a topic that does not exist yet is waited for).
   */
  heartbeat(beat: GroupHeartbeat, call: Call): Promise<HeartbeatAnswer>;

  /**
   * ⚑ Makes a member the owner of partitions it was assigned, then reads where it goes on. From here on nobody who owned
   * them before can commit. In the order asked. UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH for the whole; a partition that
   * is not (any more) the member's has its own error, STALE_MEMBER_EPOCH.
   */
  takeOver(request: TakeOverRequest, call: Call): Promise<readonly TakenPosition[]>;

  /**
   * Commits positions, each on its own, in the order asked. For the whole: INVALID_GROUP_ID, UNKNOWN_MEMBER_ID (also:
   * no member named, but the group has members), STALE_MEMBER_EPOCH, FENCED_INSTANCE_ID. For one partition:
   * UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, OFFSET_OUT_OF_RANGE (beyond the partition's end), OFFSET_METADATA_TOO_LARGE,
   * STALE_MEMBER_EPOCH (another member took it over), REQUEST_TIMED_OUT.
   */
  commit(request: CommitRequest, call: Call): Promise<readonly CommitResult[]>;

  /**
   * Commits one position as a part of something larger, on the condition that nothing has been committed since the
   * member's last commit (or taking over) there. Answers once it is known. Errors as `commit`, thrown; `cancelled` lets
   * the other part's cause through.
   */
  commitWithin(request: CommitWithinRequest, call: Call): Promise<void>;

  /** Without places: all of the group's. A place without a commit is left out. Empty for a group that does not exist. INVALID_GROUP_ID. */
  committed(
    groupId: string,
    places: readonly PartitionPlace[] | undefined,
    call: Call,
  ): Promise<readonly CommittedOffset[]>;

  /** Sorted by group id. */
  list(call: Call): Promise<readonly GroupListing[]>;
  /** GROUP_ID_NOT_FOUND. */
  describe(groupId: string, call: Call): Promise<GroupDescription>;
  /** GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  delete(groupId: string, call: Call): Promise<void>;
  /** GROUP_ID_NOT_FOUND; GROUP_SUBSCRIBED_TO_TOPIC while a member subscribes to one of the topics. */
  deleteOffsets(groupId: string, places: readonly PartitionPlace[], call: Call): Promise<void>;
  /**
   * Moves an empty group's positions. All places are checked before the first is stored. NON_EMPTY_GROUP (if somebody
   * joins meanwhile, some may have been moved),
   * UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE, INVALID_REQUEST (a vector that is none).
   */
  resetOffsets(
    groupId: string,
    resets: readonly OffsetReset[],
    call: Call,
  ): Promise<readonly CommittedOffset[]>;
  /** One for every committed partition whose topic is still there, sorted by topic and partition. GROUP_ID_NOT_FOUND. */
  lags(groupId: string, call: Call): Promise<readonly PartitionLag[]>;
}

/** Kafka's ConsumerGroupHeartbeat. What is left out is unchanged since the member's last heartbeat. */
export interface GroupHeartbeat {
  readonly groupId: string;
  /** Made by the client: a UUID. */
  readonly memberId: string;
  /** The one answered last; 0 joins, -1 leaves, -2 leaves for a while (static members). */
  readonly memberEpoch: number;
  /** Kafka's `group.instance.id`. */
  readonly instanceId?: string;
  readonly clientId?: string;
  /** Of the member that joins. @default `LIMITS.sessionTimeoutMsDefault` */
  readonly sessionTimeoutMs?: number;
  /** How long the member may take to give partitions up. @default `LIMITS.rebalanceTimeoutMsDefault` */
  readonly rebalanceTimeoutMs?: number;
  readonly subscription?: GroupSubscription;
  /** `uniform` (default) or `range`. */
  readonly assignor?: string;
  /**
   * What the member owns at this moment; required (empty) when it joins, whenever that has changed, and after a heartbeat
   * without an answer: what the answer would have told is told again.
   */
  readonly owned?: readonly AssignedTopic[];
}

export interface GroupSubscription {
  readonly topics?: readonly string[];
  /** RE2 syntax, matched against whole names, internal topics left out. Both may be given: their union. */
  readonly topicRegex?: string;
}

export interface AssignedTopic {
  readonly topicId: string;
  readonly topic: string;
  /** Ascending. */
  readonly partitions: readonly number[];
}

export interface HeartbeatAnswer {
  readonly memberId: string;
  /** To be sent with everything from now on; -1 or -2 after leaving. */
  readonly memberEpoch: number;
  /** When the next heartbeat is expected, at the latest. */
  readonly heartbeatIntervalMs: number;
  /** All that the member has to own from now on: what it owns besides must be given up. Undefined: as before. */
  readonly assignment?: readonly AssignedTopic[];
}

export interface TakeOverRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly places: readonly PartitionPlace[];
}

export interface TakenPosition extends PartitionPlace {
  readonly topicId: string;
  /** Undefined: nothing has been committed there. */
  readonly committed?: CommittedOffset;
  /** Set if the partition was not taken over. */
  readonly error?: MillraceError;
}

export interface CommitRequest {
  readonly groupId: string;
  /** Undefined: on behalf of no member, which only a group without members allows. */
  readonly member?: {
    readonly memberId: string;
    readonly memberEpoch: number;
    readonly instanceId?: string;
  };
  readonly offsets: readonly OffsetToCommit[];
}

/**
 * In a topic that is written in several regions: how far the records of each have been read, wherever they stand here. By
 * the alias of the region, the next offset *there*; the empty alias is this region. ⚑ A prefix each: of a region's records
 * everything before has been read, so behind the position those are passed over.
 */
export type Vector = ReadonlyMap<string, number>;

export interface OffsetToCommit extends PartitionPlace {
  /** ⚑ Whose offset it is; see `FetchRequest`. UNKNOWN_TOPIC_ID for the partition if the name stands for another by now. */
  readonly topicId?: string;
  /** The next offset to be read. */
  readonly offset: number;
  /** Of the record before it. @default -1, unknown */
  readonly leaderEpoch?: number;
  /** @default '' */
  readonly metadata?: string;
  /**
   * What has been read behind the offset. Of it that is stored which says more than the offset does; INVALID_REQUEST for
   * more than `LIMITS.vectorRegionsMax` regions. @default nothing, whatever had been committed
   */
  readonly vector?: Vector;
}

export interface CommitResult extends PartitionPlace {
  /** Undefined: committed. */
  readonly error?: MillraceError;
}

export interface CommitWithinRequest {
  readonly groupId: string;
  readonly member: { readonly memberId: string; readonly memberEpoch: number };
  readonly offset: OffsetToCommit;
  readonly store: StoreWithin<string>;
}

export interface CommittedOffset extends PartitionPlace {
  readonly topicId: string;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** Milliseconds since 1970, by storage's clock. */
  readonly committedMs: number;
  /** What has been read behind the offset, if something has. */
  readonly vector?: Vector;
}

/** Kafka's states that occur here: a target is assigned in the same step that makes it necessary. */
export type GroupState = 'EMPTY' | 'RECONCILING' | 'STABLE';

export interface GroupListing {
  readonly groupId: string;
  readonly state: GroupState;
  readonly groupEpoch: number;
  readonly assignor: string;
  /** No member ever joined: offsets were only ever committed from outside. */
  readonly isSimple: boolean;
}

export interface GroupDescription extends GroupListing {
  readonly members: readonly MemberDescription[];
}

export interface MemberDescription {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId?: string;
  readonly clientId: string;
  readonly subscription: GroupSubscription;
  /** What it owns, and what it is to own. */
  readonly assignment: readonly AssignedTopic[];
  readonly target: readonly AssignedTopic[];
}

export interface OffsetReset extends PartitionPlace {
  readonly to:
    | 'earliest'
    | 'latest'
    /** `vector`: as in `OffsetToCommit`. */
    | { readonly offset: number; readonly vector?: Vector }
    | { readonly timestampMs: number };
}

export interface PartitionLag extends PartitionPlace {
  readonly currentOffset: number;
  readonly logEndOffset: number;
  /** Never negative. */
  readonly lag: number;
  /** Who owns the partition now; empty if nobody does. */
  readonly memberId: string;
  readonly instanceId: string;
  readonly clientId: string;
}
