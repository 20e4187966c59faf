import type { EncodeOptions } from '../../record/encode-batch.ts';

/** Sequences are positive int32 and go on at 0 (KIP-98). */
const SEQUENCE_END = 2 ** 31;
const EPOCH_MAX = 32_767;

export type BatchIdentity = NonNullable<EncodeOptions['producer']>;

/**
 * The identity of one partition's batches. Producer state is kept by partition, so every partition of a producer has an
 * epoch of its own and one that fails does not disturb the others.
 */
export interface Sequences {
  /** Takes as many sequences as there are records. */
  take(recordCount: number): Promise<BatchIdentity>;
  /** Whether a batch with this identity belongs to the present epoch. */
  isCurrent(identity: BatchIdentity): boolean;
  /** Begins anew at sequence 0, one epoch higher: what is still on its way with the old one can no longer be stored behind it. */
  bump(options?: { readonly newProducer: boolean }): void;
}

export function createSequences(ids: {
  /** The producer's id; made at first use. */
  readonly shared: () => Promise<number>;
  readonly allocate: () => Promise<number>;
}): Sequences {
  let idOf = ids.shared;
  let producerId = -1;
  let producerEpoch = 0;
  let next = 0;
  return {
    take: async (recordCount) => {
      producerId = await idOf();
      const baseSequence = next;
      next = (next + recordCount) % SEQUENCE_END;
      return { producerId, producerEpoch, baseSequence };
    },
    isCurrent: (identity) => identity.producerId === producerId && identity.producerEpoch === producerEpoch,
    bump: ({ newProducer } = { newProducer: false }) => {
      next = 0;
      producerEpoch += 1;
      if (!newProducer && producerEpoch <= EPOCH_MAX) return;
      producerEpoch = 0;
      producerId = -1;
      idOf = once(ids.allocate);
    },
  };
}

/** Asks once; a failed attempt is forgotten, so that the next caller asks again. */
export function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().catch((error) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };
}
