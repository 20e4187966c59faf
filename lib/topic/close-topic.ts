import { partitionKey } from '../partition/chunk.ts';
import { type ClosingDependencies, closePartition } from '../partition/close-partition.ts';
import type { Call } from '../storage/call.ts';
import { readFreeze } from './freeze-item.ts';
import type { Topic } from './topic-item.ts';

const CLOSES_AT_ONCE = 16;

/** Calls `work` for every partition from `from` on, some at once; ends early, and is over, when one throws. */
export async function eachPartition(
  { topicId, partitionCount }: Pick<Topic, 'topicId' | 'partitionCount'>,
  work: (pk: string, partition: number) => Promise<void>,
  from = 0,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < partitionCount) {
      const partition = next;
      next += 1;
      await work(partitionKey(topicId, partition), partition);
    }
  };
  await Promise.all(Array.from({ length: Math.min(CLOSES_AT_ONCE, partitionCount - from) }, worker));
}

/**
 * ⚑ What is made in a frozen region is frozen. Called before a new topic can be seen, and again once it, or more partitions
 * of one, can be: a freeze that began in between may have listed the topics before.
 */
export async function closeIfFrozen(
  deps: ClosingDependencies,
  topic: Pick<Topic, 'topicId' | 'partitionCount'>,
  from: number,
  call: Call,
): Promise<void> {
  const { state } = await readFreeze(deps.catalog, call);
  const freeze = state?.freeze;
  if (freeze === undefined) return;
  await eachPartition(topic, (pk) => closePartition(deps, pk, call, freeze), from);
}
