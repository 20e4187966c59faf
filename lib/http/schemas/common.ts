import * as z from 'zod/mini';

/**
 * A schema whose checked value has the type `T`; written out because other files are compiled without looking in here.
 * It is built when it is first called: making all of them takes a function longer than any one request needs.
 */
export type Schema<T = unknown> = () => z.ZodMiniType<T, unknown>;

/** What is built when it is first called, and kept: a schema or a part of one. */
export function later<T>(build: () => T): () => T {
  let built: { readonly value: T } | undefined;
  return () => {
    built ??= { value: build() };
    return built.value;
  };
}

/** A 32-bit count or index from 0. */
export const int32: Schema<number> = later(() => z.int().check(z.gte(0), z.lte(2 ** 31 - 1)));
/** Offsets and milliseconds: what a double holds exactly. */
export const int53: Schema<number> = later(() => z.int().check(z.gte(0), z.lte(Number.MAX_SAFE_INTEGER)));

export interface RegionOffset {
  readonly region: string;
  readonly offset: number;
}

/** How far the records of regions have been read: the next offset in each. */
export const regionVector: Schema<readonly RegionOffset[]> = later(() =>
  z.array(z.strictObject({ region: z.string(), offset: int53() })),
);

export interface ErrorAnswerBody {
  readonly error_code: number;
  readonly message: string;
  readonly kafka_error: string;
}
/** An append that named the offset it expects found the partition's end elsewhere. */
export const UnexpectedTailAnswer: Schema = later(() =>
  z.strictObject({
    error_code: z.literal(412),
    message: z.string(),
    kafka_error: z.literal('UNEXPECTED_TAIL'),
    next_offset: int53(),
  }),
);
export const ErrorAnswer: Schema<ErrorAnswerBody> = later(() =>
  z.strictObject({
    error_code: z.int(),
    message: z.string(),
    kafka_error: z.string(),
  }),
);
