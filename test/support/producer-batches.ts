import { encodeBatch } from '../../lib/record/index.ts';
import { codecs, textRecord } from './log-on-memory.ts';

/** Whose batch, and the sequence number of its first record. */
export interface Numbered {
  readonly producerId: number;
  /** @default 0 */
  readonly epoch?: number;
  readonly sequence: number;
}

/** One batch of an idempotent producer. */
export function numberedBatch(numbered: Numbered, ...values: readonly string[]): Uint8Array {
  const { producerId, epoch = 0, sequence } = numbered;
  return encodeBatch(
    codecs,
    values.map((value) => textRecord(value)),
    { compression: 'none', producer: { producerId, producerEpoch: epoch, baseSequence: sequence } },
  );
}
