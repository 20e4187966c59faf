import type { Call } from './storage/call.ts';

/**
 * Flows that copy topics of other regions into this one, in the style of MirrorMaker 2. A flow is stored and run in its
 * target. Methods throw `MillraceError` for what the caller can mend or retry.
 */
export interface Flows {
  /**
   * INVALID_REQUEST (a flow onto itself, an unknown source region, a pattern that is none, no such policy),
   * INVALID_CONFIG (what the policy cannot copy), TOPIC_ALREADY_EXISTS is never thrown: conflicts of single topics are
   * states of theirs.
   */
  create(flow: NewFlow, call: Call): Promise<FlowDescription>;
  /** Sorted by source. */
  list(call: Call): Promise<readonly FlowDescription[]>;
  /** UNKNOWN_FLOW. */
  describe(source: string, call: Call): Promise<FlowDescription>;
  /** Copying ends within a minute and begins again where the remote partitions end. UNKNOWN_FLOW. */
  pause(source: string, call: Call): Promise<FlowDescription>;
  resume(source: string, call: Call): Promise<FlowDescription>;
  /** Remote topics stay as they are, and stay read-only. UNKNOWN_FLOW. */
  delete(source: string, call: Call): Promise<void>;
  /**
   * From within a minute on the records of these regions are copied too, as far as the source has them; of none: no longer.
   * Nothing has to be undone when such a region is back. UNKNOWN_FLOW, INVALID_REQUEST (one of them is the source or this
   * region, or is not known), INVALID_CONFIG (a flow of another policy than `merged`).
   */
  setRelays(source: string, relays: readonly string[], call: Call): Promise<FlowDescription>;
  /**
   * Ends an `identity` flow and makes its copies topics that are written here. Nothing is asked of the source. Again, it goes
   * on where it was cut off, and answers the same once it is complete. UNKNOWN_FLOW (nor is there anything that was promoted),
   * INVALID_CONFIG (a flow of another policy).
   */
  promote(source: string, call: Call): Promise<Promotion>;
}

/** What has become of the copies of an `identity` flow. */
export interface Promotion {
  readonly source: string;
  /** Otherwise a replicator is still at work, or time ran out: promote once more. */
  readonly isComplete: boolean;
  /** Topics here that were copies of the source's, sorted by name. */
  readonly topics: readonly PromotedTopic[];
}

export interface PromotedTopic {
  readonly topic: string;
  /** Id of the topic in the source. */
  readonly sourceTopicId: string;
  /** By partition: where the copy ended. What the source has from there on has not come over. */
  readonly endOffsets: readonly number[];
}

/**
 * `prefixed`: topic `orders` of `us-east-1` arrives as `us-east-1.orders`, at the same offsets. `identity`: under its own
 * name, at the same offsets (active/passive). `merged`: into the topic of the same name that is written here too.
 */
export type FlowPolicy = 'prefixed' | 'identity' | 'merged';

/** Where the copy of a partition begins. */
export type CopyStart =
  | 'earliest'
  | 'latest'
  | { readonly timestampMs: number }
  | { readonly offset: number };

/**
 * Where a topic that a flow sees for the first time begins in the target. `promotion`, of `prefixed` only: topics that were
 * promoted here are copied, and no others, each partition from where it goes on in the source and not here.
 */
export type FlowStart = CopyStart | 'promotion';

export interface NewFlow {
  /** Alias of a region that this deployment knows. */
  readonly source: string;
  /** @default 'prefixed' */
  readonly policy?: FlowPolicy;
  /** Of `prefixed`. @default '.' */
  readonly separator?: string;
  /** RE2 patterns, matched against whole names. @default every topic */
  readonly topics?: readonly string[];
  /** @default none */
  readonly topicsExclude?: readonly string[];
  /** Groups whose offsets are carried over. @default every group */
  readonly groups?: readonly string[];
  readonly groupsExclude?: readonly string[];
  /** Of the topics that are there when the flow begins; later ones are copied from their beginning. @default 'earliest' */
  readonly start?: FlowStart;
  /**
   * Of `merged`: aliases of regions that are lost. What the source has of them is copied with its own records. @default none
   */
  readonly relays?: readonly string[];
}

export interface FlowDescription extends Required<NewFlow> {
  /** Alias of this region. */
  readonly target: string;
  readonly state: 'RUNNING' | 'PAUSED';
  readonly createdMs: number;
  /** As of the replicator's last note; undefined before the first. */
  readonly progress?: FlowProgress;
}

export interface FlowProgress {
  /** Storage's clock, milliseconds since 1970. */
  readonly notedMs: number;
  /** Records that the source has and the target has not; -1 if unknown. */
  readonly lagRecords: number;
  /** Age of the oldest of them; 0 if there is none, -1 if unknown. */
  readonly lagMs: number;
  /** Of the records that were there when the flow was last seen catching up. */
  readonly percent: number;
  /** Undefined unless it is catching up at a steady pace. */
  readonly estimatedEndMs?: number;
  readonly topics: readonly TopicProgress[];
}

export type CopyState =
  | 'COPYING'
  | 'CAUGHT_UP'
  /** What was copied last is no longer what the source has there; nothing more is copied. */
  | 'DIVERGED'
  /** The source's topic was deleted and made anew; the remote topic is left as it is. */
  | 'SOURCE_RECREATED'
  /** A topic of that name is here already and is not this flow's. */
  | 'CONFLICT'
  | 'UNREACHABLE';

export interface TopicProgress {
  readonly sourceTopic: string;
  readonly topic: string;
  readonly state: CopyState;
  /** Why, for people; empty while all is well. */
  readonly reason: string;
  readonly partitions: readonly PartitionProgress[];
}

export interface PartitionProgress {
  readonly partition: number;
  /** Where the remote partition ends, and where the source's did. */
  readonly position: number;
  readonly sourceEnd: number;
  /** Offsets that the source had trimmed before they were copied: first and the one behind the last; the latest such gap. */
  readonly gap?: { readonly from: number; readonly to: number };
  /** Of the regions that are relayed, those of which the source has records of this topic. */
  readonly relays?: readonly RelayProgress[];
}

/** What has been copied of another region's records out of what the source has of them. All offsets are those of there. */
export interface RelayProgress extends Pick<PartitionProgress, 'position' | 'sourceEnd' | 'gap'> {
  readonly region: string;
  readonly state: CopyState;
  /** Why, for people; empty while all is well. */
  readonly reason: string;
}
