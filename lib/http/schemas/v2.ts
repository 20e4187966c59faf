import * as z from 'zod/mini';
import { int32, int53, later, type Schema } from './common.ts';

/** Bodies of the v2 API. What an embedded key or value must be depends on the Content-Type. */
export interface RecordBody {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly partition?: number | null | undefined;
  readonly timestamp?: number | null | undefined;
  readonly headers?:
    | readonly { readonly key: string; readonly value?: string | null | undefined }[]
    | null
    | undefined;
}
export interface ProduceBody {
  readonly records: readonly RecordBody[];
}
export interface AdminTopicBody {
  readonly topic_name: string;
  readonly partitions_count?: number | null | undefined;
  readonly replication_factor?: number | null | undefined;
}

const optionalId = later(() => z.optional(z.nullable(z.union([z.string(), z.int()]))));
/** Members of a schema registry. They are taken and left alone: no format here uses them. */
const schemaMembers = later(
  () =>
    ({
      key_schema: z.optional(z.nullable(z.string())),
      key_schema_id: optionalId(),
      value_schema: z.optional(z.nullable(z.string())),
      value_schema_id: optionalId(),
    }) as const,
);

const recordMembers = later(
  () =>
    ({
      key: z.optional(z.unknown()),
      value: z.optional(z.unknown()),
      /** Milliseconds since 1970; default: now. */
      timestamp: z.optional(z.nullable(int53())),
      /** Values are base64. */
      headers: z.optional(
        z.nullable(z.array(z.strictObject({ key: z.string(), value: z.optional(z.nullable(z.string())) }))),
      ),
    }) as const,
);

const TopicRecord = later(() =>
  z.strictObject({
    ...recordMembers(),
    partition: z.optional(z.nullable(int32())),
  }),
);
const PartitionRecord = later(() => z.strictObject(recordMembers()));

export const TopicProduce: Schema<ProduceBody> = later(() =>
  z.strictObject({
    records: z.array(TopicRecord()).check(z.minLength(1)),
    ...schemaMembers(),
  }),
);
export const PartitionProduce: Schema<ProduceBody> = later(() =>
  z.strictObject({
    records: z.array(PartitionRecord()).check(z.minLength(1)),
    ...schemaMembers(),
  }),
);

export const ProducedRecord: Schema = later(() =>
  z.strictObject({
    partition: z.nullable(int32()),
    offset: z.nullable(int53()),
    error_code: z.nullable(z.int()),
    error: z.nullable(z.string()),
  }),
);
export const ProduceAnswer: Schema = later(() =>
  z.strictObject({
    offsets: z.array(ProducedRecord()),
    key_schema_id: z.null(),
    value_schema_id: z.null(),
  }),
);

export const ConsumedRecord: Schema = later(() =>
  z.strictObject({
    topic: z.string(),
    key: z.unknown(),
    value: z.unknown(),
    partition: int32(),
    offset: int53(),
    timestamp: z.int(),
    headers: z.array(z.strictObject({ key: z.string(), value: z.nullable(z.string()) })),
  }),
);
export const ConsumedRecords: Schema = later(() => z.array(ConsumedRecord()));

export const EmptyAnswer: Schema = later(() => z.strictObject({}));
export const BrokerIds: Schema = later(() => z.strictObject({ brokers: z.array(int32()) }));
export const TopicNames: Schema = later(() => z.array(z.string()));

export const PartitionAnswer: Schema = later(() =>
  z.strictObject({
    partition: int32(),
    leader: int32(),
    replicas: z.array(z.strictObject({ broker: int32(), leader: z.boolean(), in_sync: z.boolean() })),
  }),
);
export const PartitionAnswers: Schema = later(() => z.array(PartitionAnswer()));
export const TopicAnswer: Schema = later(() =>
  z.strictObject({
    name: z.string(),
    configs: z.record(z.string(), z.string()),
    partitions: z.array(PartitionAnswer()),
  }),
);
export const OffsetsAnswer: Schema = later(() =>
  z.strictObject({ beginning_offset: int53(), end_offset: int53() }),
);

/** `POST /admin/topics`. */
export const AdminTopic: Schema<AdminTopicBody> = later(() =>
  z.strictObject({
    topic_name: z.string(),
    partitions_count: z.optional(z.nullable(z.int())),
    replication_factor: z.optional(z.nullable(z.int())),
  }),
);
