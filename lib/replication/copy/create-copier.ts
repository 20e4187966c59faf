import { Spooler } from '../../partition/spooler.ts';
import { segmentReader } from '../../segment/read/segment-reader.ts';
import type { Copier, CopySides } from './copier.ts';
import { createPartitionCopier } from './partition-copier.ts';

/**
 * ⚑ The position of a copy is the end of the remote partition, never a note: a copier may die anywhere, sleep for weeks, or
 * work beside others, and what it does next begins at the tail that it then sees.
 */
export function createCopier({ source, target }: CopySides): Copier {
  const sourceSealed = segmentReader({ ...source, readsAhead: source.readsAhead ?? false });
  const targetSealed = segmentReader({ ...target, readsAhead: false });
  const spooler = new Spooler(target.bucket, target.random);
  const parts = { source, target, sourceSealed, targetSealed, spooler };
  return { partition: (place) => createPartitionCopier(parts, place) };
}
