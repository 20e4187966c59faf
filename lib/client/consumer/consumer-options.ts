import { MillraceError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { PartitionPlace } from '../../log.ts';
import { withDefaults } from '../with-defaults.ts';

export interface ConsumerOptions {
  /** Whose positions are committed, and with whom partitions are shared. Needed for everything but `assign` without commits. */
  readonly groupId?: string;
  /** What the group's member subscribes to. A topic that does not exist yet is waited for. Without these: `assign`. */
  readonly topics?: readonly string[];
  /** Also every topic whose whole name matches, in RE2 syntax, as they come and go. */
  readonly topicRegex?: string;
  /** Where to begin in a partition without a committed position, or with one that is gone. `none`: the loop throws. @default 'latest', as Kafka's clients */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'none';
  /** Commits what the loop is done with, every `autoCommitIntervalMs`, when partitions are given up, and at `close`. @default true if there is a `groupId` */
  readonly autoCommit?: boolean;
  /** Milliseconds. @default 5,000 */
  readonly autoCommitIntervalMs?: number;
  /** A static member: one that comes back within its session gets its partitions back, without a rebalance. */
  readonly instanceId?: string;
  /** For people who look at the group. @default '' */
  readonly clientId?: string;
  /** @default 'uniform' */
  readonly assignor?: 'uniform' | 'range';
  /** Silence after which the others share this member's partitions, 6,000 to 1,800,000 ms. @default 45,000 */
  readonly sessionTimeoutMs?: number;
  /**
   * How long the loop may work on what it was given, in milliseconds: Kafka's `max.poll.interval.ms`. After that the member
   * leaves the group, and joins again when the loop asks for more. @default 300,000
   */
  readonly pollIntervalMsMax?: number;
  /** What one fetch brings of one partition at most; a larger batch comes alone. @default 1,048,576 */
  readonly fetchBytesMax?: number;
  /** What may be fetched ahead in all, roughly. @default 67,108,864 */
  readonly bufferBytesMax?: number;
  /** How long a fetch waits for data at the end of a partition, in milliseconds. @default 25,000 */
  readonly fetchWaitMs?: number;
  /** How long any other request is tried for, in milliseconds. @default 25,000 */
  readonly requestTimeoutMs?: number;
  /**
   * Partitions have been taken over; nothing of them is read before this returns, so `seek` here is seen. None of these three
   * may wait for `close()`, which waits for them. What they throw ends the membership, and is thrown in the loop.
   */
  readonly onAssigned?: (places: readonly PartitionPlace[]) => void | Promise<void>;
  /** Partitions are about to be given up: nothing of them is in the loop's hands, and what it is done with is committed (with `autoCommit`). */
  readonly onRevoked?: (places: readonly PartitionPlace[]) => void | Promise<void>;
  /** Partitions belong to others already, or soon; commits for them are refused. */
  readonly onLost?: (places: readonly PartitionPlace[]) => void | Promise<void>;
  /** Aborted: the loop ends after the record in its hands, and the consumer is closed. */
  readonly signal?: AbortSignal;
}

/** Options that have a default of their own. */
type Defaulted =
  | 'autoOffsetReset'
  | 'autoCommitIntervalMs'
  | 'sessionTimeoutMs'
  | 'pollIntervalMsMax'
  | 'fetchBytesMax'
  | 'bufferBytesMax'
  | 'fetchWaitMs'
  | 'requestTimeoutMs';

const DEFAULTS: Required<Pick<ConsumerOptions, Defaulted>> = {
  autoOffsetReset: 'latest',
  autoCommitIntervalMs: 5_000,
  sessionTimeoutMs: LIMITS.sessionTimeoutMsDefault,
  pollIntervalMsMax: LIMITS.rebalanceTimeoutMsDefault,
  fetchBytesMax: LIMITS.fetchBytesDefault,
  bufferBytesMax: 67_108_864,
  fetchWaitMs: LIMITS.fetchWaitMsMax,
  requestTimeoutMs: LIMITS.requestMsDefault,
};

const RESETS: readonly ConsumerSettings['autoOffsetReset'][] = ['earliest', 'latest', 'none'];

export type ConsumerSettings = ConsumerOptions & Required<Pick<ConsumerOptions, Defaulted | 'autoCommit'>>;

/** INVALID_CONFIG for options that make no sense. What the group refuses, the loop throws. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  const defaults = { ...DEFAULTS, autoCommit: options.groupId !== undefined };
  const settings: ConsumerSettings = withDefaults(defaults, options);
  const { groupId, topics, topicRegex, autoCommit, autoOffsetReset } = settings;
  if (groupId === undefined && (topics !== undefined || topicRegex !== undefined)) {
    throw invalid('topics and topicRegex subscribe a group: give a groupId, or use assign()');
  }
  if (groupId === undefined && autoCommit) throw invalid('autoCommit needs a groupId to commit for');
  if (topics !== undefined && !Array.isArray(topics)) throw invalid('topics is a list of names');
  if (!RESETS.includes(autoOffsetReset)) {
    throw invalid(`autoOffsetReset is one of ${RESETS.join(', ')}, not '${autoOffsetReset}'`);
  }
  for (const name of [
    'autoCommitIntervalMs',
    'pollIntervalMsMax',
    'fetchBytesMax',
    'bufferBytesMax',
  ] as const) {
    if (!(settings[name] > 0)) throw invalid(`${name} is a number above 0, not ${settings[name]}`);
  }
  return settings;
}

const invalid = (problem: string): MillraceError => new MillraceError('INVALID_CONFIG', problem);

export function isSubscribed({ topics, topicRegex }: ConsumerSettings): boolean {
  return topics !== undefined || topicRegex !== undefined;
}
