import * as z from 'zod/mini';
import { int32, int53, later, type Schema } from './common.ts';

export interface NewTopicRequest {
  readonly topic_name: string;
  readonly partitions_count?: number | null | undefined;
  readonly replication_factor?: number | null | undefined;
  readonly replicas_assignments?: readonly unknown[] | null | undefined;
  readonly configs?: readonly { readonly name: string; readonly value: string | null }[] | null | undefined;
  readonly validate_only?: boolean | undefined;
}
export interface ConfigsAlterRequest {
  readonly data: readonly {
    readonly name: string;
    readonly value?: string | null | undefined;
    readonly operation?: 'SET' | 'DELETE' | null | undefined;
  }[];
  readonly validate_only?: boolean | undefined;
}
export interface EmbeddedDataRequest {
  readonly type?: string | null | undefined;
  readonly data?: unknown;
}
export interface RecordRequest {
  readonly partition_id?: number | null | undefined;
  readonly headers?:
    | readonly { readonly name: string; readonly value?: string | null | undefined }[]
    | null
    | undefined;
  readonly key?: EmbeddedDataRequest | null | undefined;
  readonly value?: EmbeddedDataRequest | null | undefined;
  readonly timestamp?: string | null | undefined;
}
export interface BatchRequest {
  readonly entries: readonly (RecordRequest & { readonly id: string })[];
}

/** Bodies of the v3 API: objects with `kind` and `metadata`, related ones as links. */
const metadata = later(() => z.strictObject({ self: z.string(), resource_name: z.string() }));
const link = later(() => z.strictObject({ related: z.string() }));
const object = <K extends string>(kind: K) => ({ kind: z.literal(kind), metadata: metadata() }) as const;
const list = <K extends string, T extends z.ZodMiniType>(kind: K, item: T) =>
  z.strictObject({
    kind: z.literal(kind),
    metadata: z.strictObject({ self: z.string(), next: z.nullable(z.string()) }),
    data: z.array(item),
  });

export const Cluster: Schema = later(() =>
  z.strictObject({
    ...object('KafkaCluster'),
    cluster_id: z.string(),
    controller: link(),
    acls: link(),
    brokers: link(),
    broker_configs: link(),
    consumer_groups: link(),
    topics: link(),
    partition_reassignments: link(),
  }),
);
export const ClusterList: Schema = later(() => list('KafkaClusterList', Cluster()));

export const Topic: Schema = later(() =>
  z.strictObject({
    ...object('KafkaTopic'),
    cluster_id: z.string(),
    topic_name: z.string(),
    is_internal: z.boolean(),
    replication_factor: int32(),
    partitions_count: int32(),
    partitions: link(),
    configs: link(),
    partition_reassignments: link(),
    topic_id: z.string(),
    /** Of a topic that a flow keeps: what it is a copy of, and the regions through which its source has got it. */
    remote: z.optional(
      z.strictObject({
        source_region: z.string(),
        topic_name: z.string(),
        topic_id: z.string(),
        policy: z.enum(['prefixed', 'identity', 'merged']),
        via_regions: z.array(z.string()),
      }),
    ),
    /** Of a topic that was a copy until it was promoted: where its partitions ended then. */
    promoted: z.optional(
      z.strictObject({ source_region: z.string(), topic_id: z.string(), end_offsets: z.array(int53()) }),
    ),
  }),
);
export const TopicList: Schema = later(() => list('KafkaTopicList', Topic()));

export const NewTopicBody: Schema<NewTopicRequest> = later(() =>
  z.strictObject({
    topic_name: z.string(),
    partitions_count: z.optional(z.nullable(z.int())),
    replication_factor: z.optional(z.nullable(z.int())),
    replicas_assignments: z.optional(
      z.nullable(z.array(z.strictObject({ partition_id: z.int(), broker_ids: z.array(z.int()) }))),
    ),
    configs: z.optional(
      z.nullable(z.array(z.strictObject({ name: z.string(), value: z.nullable(z.string()) }))),
    ),
    validate_only: z.optional(z.boolean()),
  }),
);
export const TopicPatch: Schema<{ readonly partitions_count: number }> = later(() =>
  z.strictObject({
    partitions_count: z.int(),
  }),
);

const source = later(() => z.enum(['DYNAMIC_TOPIC_CONFIG', 'DEFAULT_CONFIG']));
export const Config: Schema = later(() =>
  z.strictObject({
    ...object('KafkaTopicConfig'),
    cluster_id: z.string(),
    topic_name: z.string(),
    name: z.string(),
    value: z.string(),
    is_default: z.boolean(),
    is_read_only: z.boolean(),
    is_sensitive: z.boolean(),
    source: source(),
    synonyms: z.array(z.strictObject({ name: z.string(), value: z.string(), source: source() })),
  }),
);
export const ConfigList: Schema = later(() => list('KafkaTopicConfigList', Config()));
export const ConfigValue: Schema<{ readonly value: string | null }> = later(() =>
  z.strictObject({
    value: z.nullable(z.string()),
  }),
);
export const ConfigsAlter: Schema<ConfigsAlterRequest> = later(() =>
  z.strictObject({
    data: z.array(
      z.strictObject({
        name: z.string(),
        value: z.optional(z.nullable(z.string())),
        operation: z.optional(z.nullable(z.enum(['SET', 'DELETE']))),
      }),
    ),
    validate_only: z.optional(z.boolean()),
  }),
);

const partitionMembers = later(
  () =>
    ({
      cluster_id: z.string(),
      topic_name: z.string(),
      partition_id: int32(),
      leader: link(),
      replicas: link(),
      reassignment: link(),
    }) as const,
);
export const Partition: Schema = later(() =>
  z.strictObject({ ...object('KafkaPartition'), ...partitionMembers() }),
);
export const PartitionWithState: Schema = later(() =>
  z.strictObject({
    ...object('KafkaPartition'),
    ...partitionMembers(),
    incident: z.nullable(
      z.strictObject({ kind: z.string(), offset: int53(), next_offset: int53(), found_ms: int53() }),
    ),
    leader_epochs: z.array(z.strictObject({ leader_epoch: int32(), start_offset: int53() })),
  }),
);
export const PartitionList: Schema = later(() => list('KafkaPartitionList', Partition()));
/** `own_end_offset`: behind the last record that was produced here. `end_offset` of a region: an offset there. */
export const PartitionOrigins: Schema = later(() =>
  z.strictObject({
    ...object('MillracePartitionOrigins'),
    cluster_id: z.string(),
    topic_name: z.string(),
    partition_id: int32(),
    beginning_offset: int53(),
    end_offset: int53(),
    own_end_offset: int53(),
    regions: z.array(z.strictObject({ region: z.string(), end_offset: int53() })),
  }),
);

export const PartitionWithOffsets: Schema = later(() =>
  z.strictObject({
    ...object('KafkaPartitionWithOffsets'),
    ...partitionMembers(),
    earliest_offset: int53(),
    latest_offset: int53(),
  }),
);
export const RecordsDelete: Schema<{ readonly offset: number }> = later(() =>
  z.strictObject({
    /** -1: everything there is. */
    offset: z.int(),
  }),
);
export const RecordsDeletion: Schema = later(() =>
  z.strictObject({
    ...object('KafkaRecordsDeletion'),
    cluster_id: z.string(),
    topic_name: z.string(),
    partition_id: int32(),
    log_start_offset: int53(),
  }),
);
export const Replica: Schema = later(() =>
  z.strictObject({
    ...object('KafkaReplica'),
    cluster_id: z.string(),
    topic_name: z.string(),
    partition_id: int32(),
    broker_id: int32(),
    is_leader: z.boolean(),
    is_in_sync: z.boolean(),
    broker: link(),
  }),
);
export const ReplicaList: Schema = later(() => list('KafkaReplicaList', Replica()));

export const Broker: Schema = later(() =>
  z.strictObject({
    ...object('KafkaBroker'),
    cluster_id: z.string(),
    broker_id: int32(),
    host: z.nullable(z.string()),
    port: z.nullable(int32()),
    rack: z.nullable(z.string()),
    configs: link(),
    partition_replicas: link(),
  }),
);
export const BrokerList: Schema = later(() => list('KafkaBrokerList', Broker()));

/** A key or a value. Without a type, or with a type that needs a schema registry, it is refused. */
const EmbeddedData = later(() =>
  z.strictObject({
    type: z.optional(z.nullable(z.string())),
    data: z.optional(z.unknown()),
    subject: z.optional(z.nullable(z.string())),
    subject_name_strategy: z.optional(z.nullable(z.string())),
    schema_id: z.optional(z.nullable(z.int())),
    schema_version: z.optional(z.nullable(z.int())),
    schema: z.optional(z.nullable(z.string())),
  }),
);
const recordMembers = later(
  () =>
    ({
      partition_id: z.optional(z.nullable(int32())),
      /** Values are base64. */
      headers: z.optional(
        z.nullable(z.array(z.strictObject({ name: z.string(), value: z.optional(z.nullable(z.string())) }))),
      ),
      key: z.optional(z.nullable(EmbeddedData())),
      value: z.optional(z.nullable(EmbeddedData())),
      /** RFC 3339, such as 2026-01-31T12:00:00.123Z; default: now. */
      timestamp: z.optional(z.nullable(z.string())),
    }) as const,
);
export const RecordBody: Schema<RecordRequest> = later(() => z.strictObject(recordMembers()));

const produced = later(() => z.strictObject({ type: z.string(), size: int53() }));
const reportMembers = later(
  () =>
    ({
      cluster_id: z.string(),
      topic_name: z.string(),
      partition_id: int32(),
      offset: int53(),
      timestamp: z.string(),
      key: z.optional(produced()),
      value: z.optional(produced()),
    }) as const,
);
export const RecordReport: Schema = later(() =>
  z.strictObject({ error_code: z.literal(200), ...reportMembers() }),
);

export const BatchBody: Schema<BatchRequest> = later(() =>
  z.strictObject({
    entries: z.array(
      z.strictObject({ id: z.string().check(z.minLength(1), z.maxLength(80)), ...recordMembers() }),
    ),
  }),
);
export const BatchAnswer: Schema = later(() =>
  z.strictObject({
    successes: z.array(z.strictObject({ id: z.string(), ...reportMembers() })),
    failures: z.array(
      z.strictObject({ id: z.string(), error_code: z.int(), message: z.string(), kafka_error: z.string() }),
    ),
  }),
);
