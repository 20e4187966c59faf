import * as z from 'zod/mini';
import { int53, later, type Schema } from './common.ts';

export interface ProducerIdBody {
  readonly producer_id?: number | undefined;
  readonly producer_epoch?: number | undefined;
}

const epoch = later(() => z.int().check(z.gte(0), z.lte(32_767)));

/** Both or none. */
export const ProducerIdRequest: Schema<ProducerIdBody> = later(() =>
  z.union([z.strictObject({ producer_id: int53(), producer_epoch: epoch() }), z.strictObject({})]),
);
export const ProducerIdentity: Schema = later(() =>
  z.strictObject({ producer_id: int53(), producer_epoch: epoch() }),
);
