import type { MillraceError } from '../../errors.ts';
import type { ReadBehind } from '../../group/offsets/read-behind.ts';
import type { WantedPlace } from '../../topic/wanted-place.ts';
import type { EmbeddedFormat } from '../media-type.ts';

/** Formats that need a schema registry may be asked for, as in the REST Proxy; records are not answered in them. */
export type InstanceFormat = EmbeddedFormat | 'avro' | 'jsonschema' | 'protobuf';

/**
 * Whose habits the client has, told by the name of its auto commit setting. REST Proxy: a committed offset is that of the
 * last record processed, and commits answer 200. Strimzi: it is the next one to read, and they answer 204.
 */
export type Dialect = 'confluent' | 'strimzi';

export type OffsetReset = 'earliest' | 'latest' | 'none';

export interface InstanceSettings {
  readonly format: InstanceFormat;
  readonly dialect: Dialect;
  readonly autoCommit: boolean;
  /** Where to begin in a partition of which nothing is committed, or whose committed offset is gone. */
  readonly reset: OffsetReset;
  /** A read waits for this many bytes; -1 is 1. */
  readonly bytesMin: number;
  /** How long a read waits if it does not say. */
  readonly waitMs: number;
}

export type Selection =
  | { readonly kind: 'none' }
  /** A group's member. */
  | { readonly kind: 'topics'; readonly topics: readonly string[] }
  /** A group's member; RE2 syntax, for whole names. */
  | { readonly kind: 'pattern'; readonly pattern: string }
  /** Partitions chosen by the client. Commits are on behalf of no member. */
  | { readonly kind: 'manual' };

/** A partition that the instance reads. A member holds it from its taking over on. */
export interface HeldPartition {
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  /** What to read next. Undefined: nothing is committed and there is no reset. */
  readonly next: number | undefined;
  /** What is committed as far as the instance knows. */
  readonly committed: number | undefined;
  /** What the group had read behind the position that reading began at, if it had. */
  readonly behind?: ReadBehind | undefined;
}

/**
 * A consumer instance of the v2 API: what a REST proxy would keep in memory. It lives in the catalog, so that any process
 * may serve any call. Changed as a whole, under its version.
 */
export interface ConsumerInstance {
  readonly groupId: string;
  readonly name: string;
  readonly settings: InstanceSettings;
  readonly selection: Selection;
  /** The same for the instance's whole life. */
  readonly memberId: string;
  /** 0: not a member. */
  readonly memberEpoch: number;
  readonly held: readonly HeldPartition[];
  /** Counts reads that answered something: who comes first in the next one. */
  readonly turn: number;
}

export const isMember = ({ selection }: ConsumerInstance): boolean =>
  selection.kind === 'topics' || selection.kind === 'pattern';

/**
 * How requests name a partition: a member's positions belong to one topic, those of partitions that the client chose itself
 * to whatever has the name. ⚑ What has been read behind a position has been read of one topic in any case.
 */
export const wantedPlace = (
  instance: ConsumerInstance,
  { topic, topicId, partition, behind }: Pick<HeldPartition, 'topic' | 'topicId' | 'partition' | 'behind'>,
): WantedPlace => ({
  topic,
  partition,
  ...(isMember(instance) || behind !== undefined ? { topicId } : {}),
});

/** The group will find out. */
export const isTopicGone = ({ code }: MillraceError): boolean =>
  code === 'UNKNOWN_TOPIC_OR_PARTITION' || code === 'UNKNOWN_TOPIC_ID';

export const placeKey = ({
  topic,
  partition,
}: {
  readonly topic: string;
  readonly partition: number;
}): string => `${topic}:${partition}`;
