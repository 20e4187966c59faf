import { MillraceError } from '../../errors.ts';
import type { TopicDescription } from '../../log.ts';
import type { NewRecord } from '../../record/record.ts';
import { partitionForKey } from '../../topic/partitioner.ts';
import { createStickyPartitioner } from '../../topic/sticky-partitioner.ts';
import type { ClientParts } from '../client-parts.ts';
import type { ProducerOptions } from './producer.ts';
import type { ProducerRecord } from './producer-record.ts';

export type Partitioning = (topic: TopicDescription, record: ProducerRecord, stored: NewRecord) => number;

/** The partition a record names, else the caller's choice, else by its key, else the one the producer sticks to. */
export function createPartitioning(
  parts: ClientParts,
  { partitioner }: Pick<ProducerOptions, 'partitioner'>,
): Partitioning {
  const stickyPartition = createStickyPartitioner(parts);
  return (topic, record, { key }) => {
    const { partitionCount, topicId } = topic;
    if (record.partition !== undefined) return namedPartition(record.partition);
    if (partitioner !== undefined)
      return checkedPartition(partitioner(record, partitionCount), partitionCount);
    if (key !== null) return partitionForKey(key, partitionCount);
    return stickyPartition({ topicId, partitionCount, recordCount: 1, idempotencyKey: undefined });
  };
}

/** Whether the topic has it is for the log to say. */
function namedPartition(partition: number): number {
  if (typeof partition === 'number') return partition;
  const message = `The partition of a record is a number, not ${partition === null ? 'null' : `a ${typeof partition}`}`;
  throw new MillraceError('INVALID_REQUEST', message);
}

function checkedPartition(partition: number, partitionCount: number): number {
  if (Number.isInteger(partition) && partition >= 0 && partition < partitionCount) return partition;
  throw new MillraceError(
    'INVALID_REQUEST',
    `The partitioner chose ${partition}; the topic has the partitions 0 to ${partitionCount - 1}`,
  );
}
