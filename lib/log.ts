import type { EpochStart } from './partition/leader-epochs.ts';
import type { ForeignStretch } from './segment/foreign-stretches.ts';
import type { Incident } from './segment/incident.ts';
import type { Call } from './storage/call.ts';
import type { StoreWithin } from './storage/within.ts';
import type { TopicConfigEntry, TopicConfigName } from './topic/configs.ts';
import type { PromotedFrom } from './topic/promoted-from.ts';
import type { RemoteOrigin } from './topic/remote-origin.ts';

/**
 * The log as everything above the engine sees it: HTTP routes, Lambda functions, the local node, the Kafka gateway.
 * Every method throws `MillraceError` for what the caller can mend or retry, and lets unexpected faults through with
 * their cause. Offsets and timestamps are safe integers.
 */
export interface Log {
  /** 22 base64url characters, the same for every process on the same storage. */
  readonly clusterId: string;

  /** TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG. */
  createTopic(topic: NewTopic, call: Call): Promise<TopicDescription>;
  /** Sorted by name. */
  listTopics(call: Call): Promise<readonly TopicDescription[]>;
  /** UNKNOWN_TOPIC_OR_PARTITION. */
  describeTopic(name: string, call: Call): Promise<TopicDescription>;
  /** As `describeTopic`, but at most `LIMITS.topicCacheMsMax` old: a process that knows the topic reads nothing. */
  resolveTopic(name: string, call: Call): Promise<TopicDescription>;
  /** Raises the number of partitions to `partitionCount`. UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, POLICY_VIOLATION. */
  createPartitions(name: string, partitionCount: number, call: Call): Promise<TopicDescription>;
  /** Closes every partition, then forgets the name. UNKNOWN_TOPIC_OR_PARTITION. */
  deleteTopic(name: string, call: Call): Promise<void>;
  /** Every config the topic has, defaults included, sorted by name. */
  describeConfigs(name: string, call: Call): Promise<readonly TopicConfigEntry[]>;
  /** All or nothing. INVALID_CONFIG. */
  alterConfigs(
    name: string,
    alterations: readonly ConfigAlteration[],
    options: { readonly validateOnly: boolean },
    call: Call,
  ): Promise<void>;

  /**
   * Appends record batches (format v2, concatenated, base offset 0) to one partition, all or nothing. Answered once
   * durable and visible. UNKNOWN_TOPIC_OR_PARTITION, CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP,
   * MESSAGE_TOO_LARGE, REQUEST_TIMED_OUT (it may have happened: retry with the same idempotency key),
   * THROTTLING_QUOTA_EXCEEDED and KAFKA_STORAGE_ERROR (it did not happen). For a batch with a producer id:
   * OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH. With `expectedOffset`: UNEXPECTED_TAIL. To a remote topic:
   * POLICY_VIOLATION.
   */
  produce(request: ProduceRequest, call: Call): Promise<ProduceResult>;

  /** Reads from `offset` on. OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, KAFKA_STORAGE_ERROR. */
  fetch(request: FetchRequest, call: Call): Promise<FetchResult>;

  /** What is known of one partition besides its ends. UNKNOWN_TOPIC_OR_PARTITION. */
  describePartition(place: PartitionPlace, call: Call): Promise<PartitionDescription>;

  /** How far a partition that is written in several regions has the records of each. UNKNOWN_TOPIC_OR_PARTITION. */
  describeOrigins(place: PartitionPlace, call: Call): Promise<PartitionOrigins>;

  /** Kafka's ListOffsets. UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID. */
  listOffsets(request: ListOffsetsRequest, call: Call): Promise<ListedOffset>;

  /**
   * Whether the partition's end lies at or beyond an offset. A process that has seen such an end already, and knows the
   * topic, reads nothing. UNKNOWN_TOPIC_OR_PARTITION.
   */
  reaches(position: PartitionPosition, call: Call): Promise<ReachedPosition>;

  /**
   * Kafka's DeleteRecords: the log begins at `offset` from now on; below the present log start it changes nothing.
   * OFFSET_OUT_OF_RANGE, POLICY_VIOLATION (a topic that is only compacted, or a remote one), UNKNOWN_TOPIC_OR_PARTITION,
   * REQUEST_TIMED_OUT (it may have happened; doing it again is harmless).
   */
  deleteRecords(request: DeleteRecordsRequest, call: Call): Promise<DeletedRecords>;

  /** A producer id that nobody has had, of this region; its epoch begins at 0. */
  allocateProducerId(call: Call): Promise<number>;
}

export interface NewTopic {
  readonly name: string;
  /** Default: the deployment's `num.partitions` (1). */
  readonly partitionCount?: number;
  readonly configs?: Readonly<Record<string, string>>;
  /** Check everything, store nothing. */
  readonly validateOnly?: boolean;
}

export interface TopicDescription {
  readonly name: string;
  /** 22 base64url characters; a re-created name has a new one. */
  readonly topicId: string;
  readonly partitionCount: number;
  /** What batches carry from now on: 0 until the log is restored to an earlier time, and one more with every time. */
  readonly leaderEpoch: number;
  /** Only what was set on the topic. */
  readonly configs: Readonly<Partial<Record<TopicConfigName, string>>>;
  /** Set on a remote topic: what it is a copy of. Unless its policy is `merged`, its flow alone may write to it. */
  readonly remote?: RemoteOrigin;
  /** Set on a topic that was such a copy until it was promoted: it is written here since, and no flow keeps it. */
  readonly promoted?: PromotedFrom;
}

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionPosition extends PartitionPlace {
  /** As in `FetchRequest`. */
  readonly topicId?: string;
  readonly offset: number;
}

export interface ReachedPosition {
  readonly topicId: string;
  readonly isReached: boolean;
}

export interface PartitionDescription {
  /** Set while records are missing from the middle of the partition. */
  readonly incident?: Incident;
  /** Where restores began, ascending; epoch 0 begins at 0 and is not listed. */
  readonly leaderEpochs: readonly EpochStart[];
}

/** All consistent, and of one look. */
export interface PartitionOrigins {
  readonly logStartOffset: number;
  readonly endOffset: number;
  /** Behind the last record that was produced here; 0 if none is left. Whoever has as much from here has everything. */
  readonly ownEndOffset: number;
  /** By the alias of the region: behind the last of its records that are here, as an offset of that region. */
  readonly copied: ReadonlyMap<string, number>;
}

export interface ConfigAlteration {
  readonly name: string;
  /** Undefined: back to the default. */
  readonly value: string | undefined;
}

export interface ProduceRequest {
  readonly topic: string;
  readonly partition: number;
  readonly batches: Uint8Array;
  /** 1 to 255 visible ASCII characters. The same key with the same batches within a day is stored once and answers the first offset. */
  readonly idempotencyKey?: string;
  /**
   * Hash of what the client sent with the key, for callers that stamp or encode anew on every attempt: the same key with
   * another fingerprint is an error. @default a hash of `batches`
   */
  readonly fingerprint?: string;
  /** Append only if the partition ends exactly here; else UNEXPECTED_TAIL (`UnexpectedTailError`) tells where it does. */
  readonly expectedOffset?: number;
  /** Stores the chunk together with something else, or not at all. The chunk stays inline. @default alone */
  readonly storeWithin?: StoreWithin<number>;
}

export interface ProduceResult {
  readonly baseOffset: number;
  /** Milliseconds since 1970 if the topic stamps append time, else -1. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** True if an earlier attempt with the same idempotency key, or the same producer id and sequence, had stored it. */
  readonly duplicate: boolean;
}

export interface FetchRequest {
  readonly topic: string;
  /**
   * ⚑ Whose offset it is. A topic that was made again under the name is another one, which processes learn one after
   * another: without it a position in the new topic may be answered from the old one. Else UNKNOWN_TOPIC_ID.
   */
  readonly topicId?: string;
  readonly partition: number;
  readonly offset: number;
  /** Default 1 MiB. At least one batch is answered whatever its size, if there is any. */
  readonly maxBytes?: number;
  /** Wait up to `waitMs` until this many bytes are there. Default 1. */
  readonly minBytes?: number;
  /** Default 0: answer at once. */
  readonly waitMs?: number;
}

export interface FetchResult {
  /**
   * Whole record batches in offset order; the first may begin below the offset asked (clients skip). Not to be written to:
   * other readers may be given the same bytes.
   */
  readonly batches: readonly Uint8Array[];
  /** Where to fetch next. */
  readonly nextOffset: number;
  /** The partition's end as far as this read saw it. Also the last stable offset: there are no transactions yet. */
  readonly highWatermark: number;
  readonly logStartOffset: number;
  /**
   * Which of the offsets from the one asked to `nextOffset` were copied from other regions, and their offsets there,
   * ascending. Absent where none was: in every topic that is not written in several regions.
   */
  readonly foreign?: readonly ForeignStretch[];
}

export interface ListOffsetsRequest {
  readonly topic: string;
  /** As in `FetchRequest`. */
  readonly topicId?: string;
  readonly partition: number;
  /** `max-timestamp`: the first record with the largest timestamp. `timestampMs`: the first record at or after it. */
  readonly at: 'earliest' | 'latest' | 'max-timestamp' | { readonly timestampMs: number };
}

export interface ListedOffset {
  /** -1 if no record matches. */
  readonly offset: number;
  /** -1 for `earliest`, `latest` and no match. */
  readonly timestampMs: number;
}

export interface DeleteRecordsRequest {
  readonly topic: string;
  readonly partition: number;
  /** The first offset to keep, which may lie in the middle of a batch; -1: none of what is there. */
  readonly offset: number;
}

export interface DeletedRecords {
  readonly logStartOffset: number;
}
