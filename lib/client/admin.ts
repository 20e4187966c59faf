import { MillraceError } from '../errors.ts';
import type {
  CommittedOffset,
  GroupDescription,
  GroupListing,
  OffsetReset,
  PartitionLag,
} from '../groups.ts';
import type {
  ConfigAlteration,
  DeletedRecords,
  ListedOffset,
  ListOffsetsRequest,
  NewTopic,
  PartitionPlace,
  TopicDescription,
} from '../log.ts';
import type { TopicConfigEntry } from '../topic/configs.ts';
import type { CallOptions, ClientParts } from './client-parts.ts';

/**
 * Topics, their configs, and groups. Every method also throws REQUEST_TIMED_OUT, THROTTLING_QUOTA_EXCEEDED and
 * KAFKA_STORAGE_ERROR, all `MillraceError`.
 */
export interface Admin {
  /** TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG. */
  createTopic(topic: NewTopic, options?: CallOptions): Promise<TopicDescription>;
  /** As `createTopic`, but an existing topic is answered as it is, whatever its partitions and configs. */
  ensureTopic(topic: NewTopic, options?: CallOptions): Promise<TopicDescription>;
  /** Sorted by name. */
  listTopics(options?: CallOptions): Promise<readonly TopicDescription[]>;
  /** UNKNOWN_TOPIC_OR_PARTITION. */
  describeTopic(name: string, options?: CallOptions): Promise<TopicDescription>;
  /** UNKNOWN_TOPIC_OR_PARTITION. */
  deleteTopic(name: string, options?: CallOptions): Promise<void>;
  /** Raises the number of partitions to `partitionCount`. UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS. */
  createPartitions(name: string, partitionCount: number, options?: CallOptions): Promise<TopicDescription>;
  /** Every config, defaults included, sorted by name. UNKNOWN_TOPIC_OR_PARTITION. */
  describeConfigs(name: string, options?: CallOptions): Promise<readonly TopicConfigEntry[]>;
  /** All or nothing; a value of `undefined` sets a config back to its default. UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG. */
  alterConfigs(
    name: string,
    alterations: readonly ConfigAlteration[],
    options?: CallOptions & { readonly validateOnly?: boolean },
  ): Promise<void>;
  /** The first or the next offset, or the first record at or after a time. UNKNOWN_TOPIC_OR_PARTITION. */
  listOffsets(request: ListOffsetsRequest, options?: CallOptions): Promise<ListedOffset>;
  /**
   * The partition begins at `offset` from now on; -1: at its end. OFFSET_OUT_OF_RANGE, POLICY_VIOLATION (only compacted),
   * UNKNOWN_TOPIC_OR_PARTITION.
   */
  deleteRecords(
    request: PartitionPlace & { readonly offset: number },
    options?: CallOptions,
  ): Promise<DeletedRecords>;

  /** Sorted by id. */
  listGroups(options?: CallOptions): Promise<readonly GroupListing[]>;
  /** Members, what they own and are to own. GROUP_ID_NOT_FOUND. */
  describeGroup(groupId: string, options?: CallOptions): Promise<GroupDescription>;
  /** With its offsets. GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP. */
  deleteGroup(groupId: string, options?: CallOptions): Promise<void>;
  /** All that the group has committed; empty if there is no such group. INVALID_GROUP_ID. */
  groupOffsets(groupId: string, options?: CallOptions): Promise<readonly CommittedOffset[]>;
  /** How far the group is behind, for every partition it has committed in. GROUP_ID_NOT_FOUND. */
  groupLags(groupId: string, options?: CallOptions): Promise<readonly PartitionLag[]>;
  /** Only while the group has no members. NON_EMPTY_GROUP, UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE. */
  resetOffsets(
    groupId: string,
    resets: readonly OffsetReset[],
    options?: CallOptions,
  ): Promise<readonly CommittedOffset[]>;
  /** GROUP_ID_NOT_FOUND, GROUP_SUBSCRIBED_TO_TOPIC. */
  deleteOffsets(groupId: string, places: readonly PartitionPlace[], options?: CallOptions): Promise<void>;
}

export function createAdmin({ log, groups, newCall }: ClientParts): Admin {
  return {
    createTopic: async (topic, options) => log.createTopic(topic, newCall(options)),
    ensureTopic: async (topic, options) => {
      try {
        return await log.createTopic(topic, newCall(options));
      } catch (error) {
        const exists = error instanceof MillraceError && error.code === 'TOPIC_ALREADY_EXISTS';
        if (!exists) throw error;
        return log.describeTopic(topic.name, newCall(options));
      }
    },
    listTopics: async (options) => log.listTopics(newCall(options)),
    describeTopic: async (name, options) => log.describeTopic(name, newCall(options)),
    deleteTopic: async (name, options) => log.deleteTopic(name, newCall(options)),
    createPartitions: async (name, partitionCount, options) =>
      log.createPartitions(name, partitionCount, newCall(options)),
    describeConfigs: async (name, options) => log.describeConfigs(name, newCall(options)),
    alterConfigs: async (name, alterations, { validateOnly = false, ...options } = {}) =>
      log.alterConfigs(name, alterations, { validateOnly }, newCall(options)),
    listOffsets: async (request, options) => log.listOffsets(request, newCall(options)),
    deleteRecords: async (request, options) => log.deleteRecords(request, newCall(options)),
    listGroups: async (options) => groups.list(newCall(options)),
    describeGroup: async (groupId, options) => groups.describe(groupId, newCall(options)),
    deleteGroup: async (groupId, options) => groups.delete(groupId, newCall(options)),
    groupOffsets: async (groupId, options) => groups.committed(groupId, undefined, newCall(options)),
    groupLags: async (groupId, options) => groups.lags(groupId, newCall(options)),
    resetOffsets: async (groupId, resets, options) => groups.resetOffsets(groupId, resets, newCall(options)),
    deleteOffsets: async (groupId, places, options) =>
      groups.deleteOffsets(groupId, places, newCall(options)),
  };
}
