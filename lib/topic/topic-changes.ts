import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { checkConfig, checkConfigName, type TopicConfigs } from './configs.ts';
import type { Topic } from './topic-item.ts';

/** Of a config; undefined: back to its default. */
export interface Alteration {
  readonly name: string;
  readonly value: string | undefined;
}

/** What makes a copy like its source; what is left out stays. */
export interface Followed {
  readonly partitionCount?: number;
  /** Whoever writes here once it is promoted goes on from there. */
  readonly leaderEpoch?: number;
  readonly alterations: readonly Alteration[];
}

/** The copy as it is to be; as it is where it is no copy of the same any more. INVALID_PARTITIONS, INVALID_CONFIG. */
export function followedTopic(
  topic: Topic,
  copy: Topic,
  { partitionCount = copy.partitionCount, leaderEpoch = 0, alterations }: Followed,
): Topic {
  checkPartitionCount(partitionCount);
  const isStill = topic.topicId === copy.topicId && topic.remote?.topicId === copy.remote?.topicId;
  if (!isStill) return topic;
  return {
    ...topic,
    partitionCount: Math.max(partitionCount, topic.partitionCount),
    leaderEpoch: Math.max(leaderEpoch, topic.leaderEpoch),
    configs: alteredConfigs(topic.configs, alterations),
  };
}

/** INVALID_CONFIG. */
export function alteredConfigs(configs: TopicConfigs, alterations: readonly Alteration[]): TopicConfigs {
  const altered: Record<string, string> = { ...configs };
  for (const { name, value } of alterations) {
    // Resetting must name a known config too.
    checkConfigName(name);
    if (value === undefined) delete altered[name];
    else {
      checkConfig(name, value);
      altered[name] = value;
    }
  }
  return altered;
}

/** INVALID_PARTITIONS. */
export function checkPartitionCount(count: number): void {
  if (Number.isSafeInteger(count) && count >= 1 && count <= LIMITS.partitionsPerTopicMax) return;
  const message = `Number of partitions must be a whole number from 1 to ${LIMITS.partitionsPerTopicMax}`;
  throw new MillraceError('INVALID_PARTITIONS', message);
}

export function unknownTopic(name: string): MillraceError {
  return new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${name}' does not exist`);
}

export function alreadyExists(name: string): MillraceError {
  return new MillraceError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`);
}

export function beingChanged(name: string): MillraceError {
  return new MillraceError('REQUEST_TIMED_OUT', `Topic '${name}' is being changed by others; try again`);
}
