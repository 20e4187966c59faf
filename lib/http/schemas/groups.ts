import * as z from 'zod/mini';
import { int32, int53, later, type RegionOffset, regionVector, type Schema } from './common.ts';

export interface OffsetsResetRequest {
  readonly data: readonly {
    readonly topic_name: string;
    readonly partition_id?: number | null | undefined;
    readonly to?: 'EARLIEST' | 'LATEST' | null | undefined;
    readonly offset?: number | null | undefined;
    readonly timestamp?: string | null | undefined;
    readonly vector?: readonly RegionOffset[] | null | undefined;
  }[];
}

/** Bodies of the v3 API about consumer groups: objects with `kind` and `metadata`, related ones as links. */
const metadata = later(() => z.strictObject({ self: z.string(), resource_name: z.string() }));
const link = later(() => z.strictObject({ related: z.string() }));
const inGroup = <K extends string>(kind: K) =>
  ({
    kind: z.literal(kind),
    metadata: metadata(),
    cluster_id: z.string(),
    consumer_group_id: z.string(),
  }) as const;
const list = <K extends string, T extends z.ZodMiniType>(kind: K, item: T) =>
  z.strictObject({
    kind: z.literal(kind),
    metadata: z.strictObject({ self: z.string(), next: z.nullable(z.string()) }),
    data: z.array(item),
  });
const place = later(() => ({ topic_name: z.string(), partition_id: int32() }) as const);

export const ConsumerGroup: Schema = later(() =>
  z.strictObject({
    ...inGroup('KafkaConsumerGroup'),
    is_simple: z.boolean(),
    partition_assignor: z.string(),
    state: z.enum(['EMPTY', 'RECONCILING', 'STABLE']),
    type: z.literal('CONSUMER'),
    is_mixed_consumer_group: z.boolean(),
    coordinator: link(),
    consumers: link(),
    lag_summary: link(),
  }),
);
export const ConsumerGroupList: Schema = later(() => list('KafkaConsumerGroupList', ConsumerGroup()));

export const Consumer: Schema = later(() =>
  z.strictObject({
    ...inGroup('KafkaConsumer'),
    consumer_id: z.string(),
    instance_id: z.nullable(z.string()),
    client_id: z.string(),
    assignments: link(),
  }),
);
export const ConsumerList: Schema = later(() => list('KafkaConsumerList', Consumer()));

export const ConsumerAssignment: Schema = later(() =>
  z.strictObject({
    ...inGroup('KafkaConsumerAssignment'),
    consumer_id: z.string(),
    ...place(),
    partition: link(),
    lag: link(),
  }),
);
export const ConsumerAssignmentList: Schema = later(() =>
  list('KafkaConsumerAssignmentList', ConsumerAssignment()),
);

/** The last three are empty while nobody owns the partition. */
export const ConsumerLag: Schema = later(() =>
  z.strictObject({
    ...inGroup('KafkaConsumerLag'),
    ...place(),
    current_offset: int53(),
    log_end_offset: int53(),
    lag: int53(),
    consumer_id: z.string(),
    instance_id: z.string(),
    client_id: z.string(),
  }),
);
export const ConsumerLagList: Schema = later(() => list('KafkaConsumerLagList', ConsumerLag()));

export const ConsumerGroupLagSummary: Schema = later(() =>
  z.strictObject({
    ...inGroup('KafkaConsumerGroupLagSummary'),
    max_lag: int53(),
    total_lag: int53(),
    max_lag_consumer_id: z.string(),
    max_lag_instance_id: z.string(),
    max_lag_client_id: z.string(),
    max_lag_topic_name: z.string(),
    max_lag_partition_id: int32(),
    max_lag_consumer: link(),
    max_lag_partition: link(),
  }),
);

export const ConsumerGroupOffset: Schema = later(() =>
  z.strictObject({
    ...inGroup('KafkaConsumerGroupOffset'),
    ...place(),
    offset: int53(),
    /** Null if the client did not tell. */
    leader_epoch: z.nullable(int32()),
    commit_metadata: z.string(),
    committed_ms: int53(),
    /** In a merged topic: what has been read behind the offset, if something has. An empty region is this one. */
    vector: z.optional(regionVector()),
  }),
);
export const ConsumerGroupOffsetList: Schema = later(() =>
  list('KafkaConsumerGroupOffsetList', ConsumerGroupOffset()),
);

export const OffsetsReset: Schema<OffsetsResetRequest> = later(() =>
  z.strictObject({
    data: z.array(
      z.strictObject({
        topic_name: z.string(),
        /** Default: all partitions of the topic. */
        partition_id: z.optional(z.nullable(int32())),
        /** One of these three. The timestamp is RFC 3339, such as 2026-01-31T12:00:00Z. */
        to: z.optional(z.nullable(z.enum(['EARLIEST', 'LATEST']))),
        offset: z.optional(z.nullable(z.int())),
        timestamp: z.optional(z.nullable(z.string())),
        /** With an offset in a merged topic: what has been read behind it, as offsets:translate answers it. */
        vector: z.optional(z.nullable(regionVector())),
      }),
    ),
  }),
);
