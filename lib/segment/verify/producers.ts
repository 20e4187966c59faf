import { readTail } from '../../partition/tail.ts';
import { readSnapshot } from '../../producer/snapshot.ts';
import type { BatchHeader } from '../../record/header.ts';
import { ALL_RULES } from '../../rules.ts';
import { type PartitionToVerify, soon, type VerifyDependencies } from './partition-to-verify.ts';

/** Sees the sealed batches go by, and then looks at the snapshot of the partition's producers. */
export interface ProducersCheck {
  see(header: BatchHeader): void;
  /** ⚑ The snapshot holds all that is sealed, and nothing that does not stand in the log. */
  finish(deps: VerifyDependencies, partition: PartitionToVerify): Promise<void>;
}

export function producersCheck(): ProducersCheck {
  let sealedOffset = -1;
  return {
    see: ({ producerId, baseOffset }) => {
      if (producerId >= 0) sealedOffset = Math.max(sealedOffset, baseOffset);
    },
    finish: async (deps, { pk, find, call }) => {
      const { offset } = await readSnapshot(deps, pk, soon(deps, call));
      if (offset <= sealedOffset) {
        const message = `The snapshot of producers holds up to ${offset}; a batch at ${sealedOffset} is sealed`;
        find('producers', message, sealedOffset);
      }
      if (offset === 0) return;
      const { tail } = await readTail(deps, pk, ALL_RULES, soon(deps, call));
      if (offset > tail.offset) {
        const message = `The snapshot of producers holds up to ${offset}, beyond the end at ${tail.offset}`;
        find('producers', message, offset);
      }
    },
  };
}
