import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { checkConfig, checkConfigName, type TopicConfigs } from './configs.ts';

/** Of a config; undefined: back to its default. */
export interface Alteration {
  readonly name: string;
  readonly value: string | undefined;
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
