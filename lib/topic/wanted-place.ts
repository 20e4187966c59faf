import { MillraceError } from '../errors.ts';
import type { Topic } from './topic-item.ts';

/** A partition that somebody asks for. */
export interface WantedPlace {
  readonly topic: string;
  readonly partition: number;
  /** Of the topic that is meant: its name may stand for another by now. */
  readonly topicId?: string;
}

export function hasPlace(topic: Topic, wanted: WantedPlace): boolean {
  return isMeant(topic, wanted) && hasPartition(topic, wanted.partition);
}

export function hasPartition(topic: Topic, partition: number): boolean {
  return Number.isSafeInteger(partition) && partition >= 0 && partition < topic.partitionCount;
}

/** UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION. */
export function noPlace(topic: Topic, wanted: WantedPlace): MillraceError {
  return isMeant(topic, wanted) ? noPartition(topic, wanted.partition) : anotherTopic(topic, wanted);
}

export function noPartition({ name, partitionCount }: Topic, partition: number): MillraceError {
  const message = `Topic '${name}' has no partition ${partition}; it has ${partitionCount}`;
  return new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', message);
}

function isMeant({ topicId }: Topic, wanted: WantedPlace): boolean {
  return wanted.topicId === undefined || wanted.topicId === topicId;
}

function anotherTopic({ name, topicId }: Topic, wanted: WantedPlace): MillraceError {
  const message = `The topic '${name}' has the id ${topicId} now; the one with ${wanted.topicId} is gone`;
  return new MillraceError('UNKNOWN_TOPIC_ID', message);
}
