import * as z from 'zod/mini';
import { int32, int53, later, type Schema } from './common.ts';

export interface RegionOffset {
  readonly region: string;
  readonly offset: number;
}

export interface OffsetsTranslateRequest {
  readonly source_region: string;
  readonly data?:
    | readonly {
        readonly topic_name: string;
        readonly partition_id: number;
        readonly offset: number;
        readonly vector?: readonly RegionOffset[] | null | undefined;
      }[]
    | null
    | undefined;
}

/** How far the records of a region have been read: the next offset there. */
const vector = later(() => z.array(z.strictObject({ region: z.string(), offset: int53() })));
const NAMED_MAX = 1_000;

export const OffsetsTranslate: Schema<OffsetsTranslateRequest> = later(() =>
  z.strictObject({
    source_region: z.string(),
    /** Positions in the source. Default: what the group's clients have committed there. */
    data: z.optional(
      z.nullable(
        z
          .array(
            z.strictObject({
              topic_name: z.string(),
              partition_id: int32(),
              offset: int53(),
              vector: z.optional(z.nullable(vector())),
            }),
          )
          .check(z.minLength(1), z.maxLength(NAMED_MAX)),
      ),
    ),
  }),
);

export const TranslatedOffset: Schema = later(() =>
  z.strictObject({
    kind: z.literal('MillraceTranslatedOffset'),
    cluster_id: z.string(),
    consumer_group_id: z.string(),
    source_region: z.string(),
    /** Null if its name is not known while the source does not answer. */
    source_topic_name: z.nullable(z.string()),
    source_offset: int53(),
    topic_name: z.string(),
    partition_id: int32(),
    offset: int53(),
    vector: vector(),
    state: z.enum(['TRANSLATED', 'BOUNDED', 'CARRIED_OVER']),
  }),
);

export const TranslatedOffsetList: Schema = later(() =>
  z.strictObject({
    kind: z.literal('MillraceTranslatedOffsetList'),
    metadata: z.strictObject({ self: z.string(), next: z.nullable(z.string()) }),
    data: z.array(TranslatedOffset()),
  }),
);
