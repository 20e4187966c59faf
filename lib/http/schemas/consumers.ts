import * as z from 'zod/mini';
import { int32, int53, later, type Schema } from './common.ts';

/** Bodies of the v2 consumer routes. */
export interface NewInstanceBody {
  readonly name?: string | undefined;
  readonly id?: string | undefined;
  readonly format?: string | undefined;
  readonly 'auto.offset.reset'?: string | undefined;
  readonly 'auto.commit.enable'?: string | boolean | undefined;
  readonly 'enable.auto.commit'?: string | boolean | undefined;
  readonly 'fetch.min.bytes'?: string | number | undefined;
  readonly 'consumer.request.timeout.ms'?: string | number | undefined;
  readonly 'isolation.level'?: string | undefined;
}
export interface SubscriptionBody {
  readonly topics?: readonly string[] | null | undefined;
  readonly topic_pattern?: string | null | undefined;
}
export interface PlaceBody {
  readonly topic: string;
  readonly partition: number;
}
export interface PartitionsBody {
  readonly partitions: readonly PlaceBody[];
}
export interface OffsetBody extends PlaceBody {
  readonly offset: number;
  readonly metadata?: string | null | undefined;
}
export interface CommitBody {
  readonly offsets?: readonly OffsetBody[] | null | undefined;
  readonly partitions?: readonly OffsetBody[] | null | undefined;
}
export interface TimestampBody extends PlaceBody {
  readonly timestamp: string;
}
export interface SeekBody {
  readonly offsets?: readonly OffsetBody[] | null | undefined;
  readonly timestamps?: readonly TimestampBody[] | null | undefined;
}

const optionalText = later(() => z.optional(z.string()));
const flag = later(() => z.optional(z.union([z.boolean(), z.string()])));
const count = later(() => z.optional(z.union([z.number(), z.string()])));

export const NewInstance: Schema<NewInstanceBody> = later(() =>
  z.strictObject({
    name: optionalText(),
    /** The older word for `name`. */
    id: optionalText(),
    /** `binary` (default), `json` or `text`. */
    format: optionalText(),
    /** `latest` (default), `earliest` or `none`. */
    'auto.offset.reset': optionalText(),
    /** Default true. */
    'auto.commit.enable': flag(),
    /** The same; commits are then as in the Strimzi Bridge. */
    'enable.auto.commit': flag(),
    'fetch.min.bytes': count(),
    'consumer.request.timeout.ms': count(),
    'isolation.level': optionalText(),
  }),
);
export const InstanceCreated: Schema = later(() =>
  z.strictObject({ instance_id: z.string(), base_uri: z.string() }),
);

export const SubscriptionRequest: Schema<SubscriptionBody> = later(() =>
  z.strictObject({
    topics: z.optional(z.nullable(z.array(z.string()))),
    topic_pattern: z.optional(z.nullable(z.string())),
  }),
);
export const SubscriptionAnswer: Schema = later(() =>
  z.strictObject({
    topics: z.array(z.string()),
    /** Only in Strimzi's dialect. */
    partitions: z.optional(z.array(z.record(z.string(), z.array(int32())))),
  }),
);

const place = later(() => ({ topic: z.string(), partition: int32() }) as const);
const placedOffset = later(() =>
  z.strictObject({
    ...place(),
    offset: int53(),
    metadata: z.optional(z.nullable(z.string())),
  }),
);

export const PlacesRequest: Schema<PartitionsBody> = later(() =>
  z.strictObject({
    partitions: z.array(z.strictObject(place())),
  }),
);
export const PlacesAnswer: Schema = later(() =>
  z.strictObject({ partitions: z.array(z.strictObject(place())) }),
);

export const CommitRequest: Schema<CommitBody> = later(() =>
  z.strictObject({
    /** Of the last records processed; in Strimzi's dialect the next ones to read. */
    offsets: z.optional(z.nullable(z.array(placedOffset()))),
    /** The next offsets to read. */
    partitions: z.optional(z.nullable(z.array(placedOffset()))),
  }),
);
export const CommitDone: Schema = later(() => z.array(z.never()));
export const CommittedAnswer: Schema = later(() =>
  z.strictObject({
    offsets: z.array(z.strictObject({ ...place(), offset: int53(), metadata: z.string() })),
  }),
);

export const SeekRequest: Schema<SeekBody> = later(() =>
  z.strictObject({
    offsets: z.optional(z.nullable(z.array(placedOffset()))),
    /** RFC 3339. */
    timestamps: z.optional(
      z.nullable(
        z.array(
          z.strictObject({ ...place(), timestamp: z.string(), metadata: z.optional(z.nullable(z.string())) }),
        ),
      ),
    ),
  }),
);
