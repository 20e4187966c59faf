import * as z from 'zod/mini';
import { int32, int53, later, type Schema } from './common.ts';

export interface NewFlowRequest {
  readonly source_region: string;
  readonly policy?: 'prefixed' | 'identity' | 'merged' | null | undefined;
  readonly separator?: string | null | undefined;
  readonly topics?: readonly string[] | null | undefined;
  readonly topics_exclude?: readonly string[] | null | undefined;
  readonly groups?: readonly string[] | null | undefined;
  readonly groups_exclude?: readonly string[] | null | undefined;
  readonly start?: FlowStartBody | null | undefined;
  readonly relays?: readonly string[] | null | undefined;
}
/** At least one of them. */
export interface FlowPatchRequest {
  readonly state?: 'RUNNING' | 'PAUSED' | undefined;
  readonly relays?: readonly string[] | undefined;
}
/** One of the three. */
export interface FlowStartBody {
  readonly to?: 'EARLIEST' | 'LATEST' | 'PROMOTION' | undefined;
  readonly offset?: number | undefined;
  readonly timestamp?: string | undefined;
}

const metadata = later(() => z.strictObject({ self: z.string(), resource_name: z.string() }));
const policy = later(() => z.enum(['prefixed', 'identity', 'merged']));
const patterns = later(() => z.array(z.string()));
/** One of these three. The timestamp is RFC 3339, such as 2026-01-31T12:00:00Z. */
const start = later(() =>
  z.strictObject({
    to: z.optional(z.enum(['EARLIEST', 'LATEST', 'PROMOTION'])),
    offset: z.optional(int53()),
    timestamp: z.optional(z.string()),
  }),
);

export const NewFlowBody: Schema<NewFlowRequest> = later(() =>
  z.strictObject({
    source_region: z.string(),
    policy: z.optional(z.nullable(policy())),
    separator: z.optional(z.nullable(z.string())),
    topics: z.optional(z.nullable(patterns())),
    topics_exclude: z.optional(z.nullable(patterns())),
    groups: z.optional(z.nullable(patterns())),
    groups_exclude: z.optional(z.nullable(patterns())),
    start: z.optional(z.nullable(start())),
    relays: z.optional(z.nullable(patterns())),
  }),
);

/** At least one of them. */
export const FlowPatch: Schema<FlowPatchRequest> = later(() =>
  z.strictObject({
    state: z.optional(z.enum(['RUNNING', 'PAUSED'])),
    relays: z.optional(patterns()),
  }),
);

const gap = later(() => z.strictObject({ from: int53(), to: int53() }));
/** Offsets are those of the region that is relayed. */
const relay = later(() =>
  z.strictObject({
    region: z.string(),
    state: z.string(),
    reason: z.string(),
    position: z.nullable(int53()),
    source_end: z.nullable(int53()),
    gap: z.nullable(gap()),
  }),
);

/** Null stands for what is not known. */
const progress = later(() =>
  z.strictObject({
    noted_ms: int53(),
    lag_records: z.nullable(int53()),
    lag_ms: z.nullable(int53()),
    percent: z.number(),
    estimated_end_ms: z.nullable(int53()),
    topics: z.array(
      z.strictObject({
        source_topic_name: z.string(),
        topic_name: z.string(),
        state: z.string(),
        reason: z.string(),
        partitions: z.array(
          z.strictObject({
            partition_id: int32(),
            position: z.nullable(int53()),
            source_end: z.nullable(int53()),
            gap: z.nullable(gap()),
            relays: z.array(relay()),
          }),
        ),
      }),
    ),
  }),
);

export const Flow: Schema = later(() =>
  z.strictObject({
    kind: z.literal('MillraceFlow'),
    metadata: metadata(),
    cluster_id: z.string(),
    source_region: z.string(),
    target_region: z.string(),
    state: z.enum(['RUNNING', 'PAUSED']),
    policy: policy(),
    separator: z.string(),
    topics: patterns(),
    topics_exclude: patterns(),
    groups: patterns(),
    groups_exclude: patterns(),
    start: start(),
    relays: patterns(),
    created_ms: int53(),
    progress: z.nullable(progress()),
  }),
);

export const FlowList: Schema = later(() =>
  z.strictObject({
    kind: z.literal('MillraceFlowList'),
    metadata: z.strictObject({ self: z.string(), next: z.nullable(z.string()) }),
    data: z.array(Flow() as z.ZodMiniType),
  }),
);

export const Promotion: Schema = later(() =>
  z.strictObject({
    kind: z.literal('MillracePromotion'),
    metadata: metadata(),
    cluster_id: z.string(),
    source_region: z.string(),
    is_complete: z.boolean(),
    /** `topic_id`: of the topic in the source. `end_offsets`: by partition, where the copies ended. */
    topics: z.array(
      z.strictObject({ topic_name: z.string(), topic_id: z.string(), end_offsets: z.array(int53()) }),
    ),
  }),
);

export const Region: Schema = later(() =>
  z.strictObject({
    kind: z.literal('MillraceRegion'),
    metadata: metadata(),
    cluster_id: z.string(),
    state: z.enum(['OPEN', 'FROZEN']),
    /** Null if it has never been frozen. */
    since_ms: z.nullable(int53()),
    partitions_count: int53(),
    closed_partitions_count: int53(),
    is_complete: z.boolean(),
  }),
);
