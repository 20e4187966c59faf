import * as z from 'zod/mini';
import { int32, int53, later, type RegionOffset, regionVector, type Schema } from './common.ts';

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
              vector: z.optional(z.nullable(regionVector())),
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
    vector: regionVector(),
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
