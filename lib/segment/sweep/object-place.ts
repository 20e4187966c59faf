import { producersKey } from '../../producer/snapshot.ts';

/** Whose metadata may refer to an object; its key tells. */
export type ObjectPlace =
  /** A spilled upload: chunks of any partition. */
  | { readonly kind: 'shared' }
  /**
   * Sealed segments and what compaction puts aside, or snapshots of producers: catalog items under this key alone.
   */
  | { readonly kind: 'partition'; readonly pk: string }
  /** What a sweep noted down between two runs. */
  | { readonly kind: 'sweep' }
  /** Not ours. */
  | { readonly kind: 'foreign' };

export const SWEEP_PREFIX = 'sweep/';

const SHARED = /^spill\/[\w-]+(?:\/\d{20}\.log)?$/;
const OF_PARTITION = /^segments\/([\w-]+)\/(\d{1,5})\/[^/]+(?:\/[^/]+)?$/;
const OF_PRODUCERS = /^producers\/([\w-]+)\/(\d{1,5})\/[\w-]+$/;
const OF_SWEEP = /^sweep\/[\w-]+$/;

export function placeOfObject(key: string): ObjectPlace {
  if (SHARED.test(key)) return { kind: 'shared' };
  const [, topicId, partition] = OF_PARTITION.exec(key) ?? [];
  if (topicId !== undefined && partition !== undefined) {
    return { kind: 'partition', pk: `${topicId}:${partition}` };
  }
  const [, ofTopic, ofPartition] = OF_PRODUCERS.exec(key) ?? [];
  if (ofTopic !== undefined && ofPartition !== undefined) {
    return { kind: 'partition', pk: producersKey(`${ofTopic}:${ofPartition}`) };
  }
  return OF_SWEEP.test(key) ? { kind: 'sweep' } : { kind: 'foreign' };
}
