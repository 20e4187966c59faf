import type { EngineParts } from './engine-parts.ts';
import { MillraceError } from './errors.ts';
import { LIMITS } from './limits.ts';
import type {
  ConfigAlteration,
  DeletedRecords,
  DeleteRecordsRequest,
  FetchRequest,
  FetchResult,
  ListedOffset,
  ListOffsetsRequest,
  Log,
  NewTopic,
  PartitionDescription,
  PartitionOrigins,
  PartitionPlace,
  PartitionPosition,
  ProduceRequest,
  ProduceResult,
  ReachedPosition,
  TopicDescription,
} from './log.ts';
import type { AppendEntry } from './partition/append-entry.ts';
import { checkWishes } from './partition/append-request.ts';
import { checkFetch } from './partition/check-fetch.ts';
import { deleteRecords } from './partition/delete-records.ts';
import { answered } from './partition/faults.ts';
import { readLeaderEpochs } from './partition/leader-epochs.ts';
import { listOffset, reaches } from './partition/list-offsets.ts';
import { type Partition, Partitions } from './partition/partitions.ts';
import { prepareAppend } from './partition/prepare-append.ts';
import { readTail } from './partition/tail.ts';
import { readWhenThere } from './partition/wait-for-data.ts';
import { type ProducerIds, producerIds } from './producer/producer-ids.ts';
import { readIncident } from './segment/incident.ts';
import { ownEnd } from './segment/own-end.ts';
import type { Call } from './storage/call.ts';
import { configNumber, describeConfigs, isDeleted, type TopicConfigEntry } from './topic/configs.ts';
import { type ForeignWrite, refuseForeignWrite } from './topic/foreign-writes.ts';
import { isReadOnly } from './topic/remote-origin.ts';
import { type SeenTopic, TopicCatalog } from './topic/topic-catalog.ts';
import type { Topic } from './topic/topic-item.ts';
import { hasPartition, hasPlace, noPartition, noPlace, type WantedPlace } from './topic/wanted-place.ts';

/** What is the log's own, beside its parts. */
export interface EngineLogOptions {
  /** Partitions of a topic that is created without a number, Kafka's `num.partitions`. @default 1 */
  readonly partitionCountDefault?: number;
  /** ⚑ Of this deployment among those that replicate to each other, from 0 on: producer ids carry it. @default 0 */
  readonly regionNumber?: number;
  /** Told of every write to a remote topic that was refused because it did not come from the topic's flow. */
  readonly onForeignWrite?: (write: ForeignWrite) => void;
}

/** The log on an engine's parts: each method of `Log`, on topics and partitions. */
export class EngineLog implements Log {
  readonly clusterId: string;
  readonly #parts: EngineParts;
  readonly #topics: TopicCatalog;
  readonly #partitions: Partitions;
  readonly #producerIds: ProducerIds;
  readonly #onForeignWrite: ((write: ForeignWrite) => void) | undefined;

  constructor(
    parts: EngineParts,
    clusterId: string,
    { partitionCountDefault = 1, regionNumber = 0, onForeignWrite }: EngineLogOptions,
  ) {
    this.clusterId = clusterId;
    this.#parts = parts;
    this.#topics = new TopicCatalog({ ...parts, partitionCountDefault });
    this.#partitions = new Partitions(parts);
    this.#producerIds = producerIds(parts, regionNumber);
    this.#onForeignWrite = onForeignWrite;
  }

  async createTopic(topic: NewTopic, call: Call): Promise<TopicDescription> {
    return answered(async () => description(await this.#topics.create(topic, call)));
  }

  async listTopics(call: Call): Promise<readonly TopicDescription[]> {
    return answered(async () => (await this.#topics.list(call)).map(description));
  }

  async describeTopic(name: string, call: Call): Promise<TopicDescription> {
    return answered(async () => description(await this.#topics.describe(name, call)));
  }

  async resolveTopic(name: string, call: Call): Promise<TopicDescription> {
    return answered(async () => description((await this.#topics.resolve(name, call)).topic));
  }

  async createPartitions(name: string, partitionCount: number, call: Call): Promise<TopicDescription> {
    return answered(async () => {
      refuseForeignWrite(await this.#topics.describe(name, call), 'createPartitions', this.#onForeignWrite);
      return description(await this.#topics.createPartitions(name, partitionCount, call));
    });
  }

  async deleteTopic(name: string, call: Call): Promise<void> {
    return answered(() => this.#topics.delete(name, call));
  }

  async describeConfigs(name: string, call: Call): Promise<readonly TopicConfigEntry[]> {
    return answered(async () => describeConfigs((await this.#topics.describe(name, call)).configs));
  }

  async alterConfigs(
    name: string,
    alterations: readonly ConfigAlteration[],
    options: { readonly validateOnly: boolean },
    call: Call,
  ): Promise<void> {
    return answered(() => this.#topics.alterConfigs(name, alterations, options, call));
  }

  async produce(request: ProduceRequest, call: Call): Promise<ProduceResult> {
    return answered(() => this.#produce(request, call));
  }

  async #produce(request: ProduceRequest, call: Call): Promise<ProduceResult> {
    const { topic, observation } = await this.#writableTopicOf(request, call);
    const prepared = prepareAppend(this.#parts, topic.configs, request.batches);
    const entry: AppendEntry = {
      ...prepared.entry,
      ...checkWishes(request, prepared.entry, observation),
      leaderEpoch: topic.leaderEpoch,
      topicSeen: observation,
      call,
    };
    const settings = {
      hotRetentionMs: configNumber(topic.configs, 'hot.retention.ms'),
      inlineBytesMax: configNumber(topic.configs, 'hot.inline.max.bytes'),
    };
    const partition = this.#partitions.of(topic.topicId, request.partition);
    const outcome = await partition.writer.append(entry, settings);
    if (outcome.kind === 'appended') {
      const { baseOffset, duplicate } = outcome;
      const { logAppendTimeMs } = prepared;
      return { baseOffset, logAppendTimeMs, logStartOffset: partition.state.logStart, duplicate };
    }
    if (outcome.kind === 'failed') throw outcome.error;
    if (outcome.kind === 'cancelled') throw outcome.cause;
    if (outcome.isFrozen) throw frozen(request.topic);
    // The topic was deleted under us; its name may stand for another by now, which the caller must choose to write to.
    this.#topics.forget(request.topic);
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${request.topic}' has been deleted`);
  }

  async fetch(request: FetchRequest, call: Call): Promise<FetchResult> {
    return answered(() => this.#fetch(request, call));
  }

  async #fetch(request: FetchRequest, call: Call): Promise<FetchResult> {
    checkFetch(request);
    const { state, reader } = await this.#partition(request, call);
    const wanted = {
      offset: request.offset,
      bytesMin: request.minBytes ?? 1,
      bytesMax: Math.min(request.maxBytes ?? LIMITS.fetchBytesDefault, LIMITS.fetchBytesMax),
      waitMs: Math.min(request.waitMs ?? 0, LIMITS.fetchWaitMsMax),
    };
    const read = await readWhenThere({ reader, state, clock: this.#parts.clock }, wanted, call);
    const highWatermark = Math.max(read.nextOffset, state.knownEnd ?? 0);
    return { ...read, highWatermark, logStartOffset: state.logStart };
  }

  async describePartition(place: PartitionPlace, call: Call): Promise<PartitionDescription> {
    return answered(async () => {
      const { pk } = await this.#partition(place, call);
      const { catalog } = this.#parts;
      const [incident, { epochs }] = await Promise.all([
        readIncident(catalog, pk, call),
        readLeaderEpochs(catalog, pk, call),
      ]);
      return { ...(incident === undefined ? {} : { incident }), leaderEpochs: epochs };
    });
  }

  async describeOrigins(place: PartitionPlace, call: Call): Promise<PartitionOrigins> {
    return answered(async () => {
      const { pk } = await this.#partition(place, call);
      const { tail, bounds } = await readTail(this.#parts, pk, this.#parts.rules, call);
      const { offset: endOffset, origins = new Map() } = tail;
      const log = { sealedEnd: bounds.sealedEnd, endOffset };
      return {
        logStartOffset: bounds.logStart,
        endOffset,
        ownEndOffset: origins.size === 0 ? endOffset : await ownEnd(this.#parts, pk, log, call),
        copied: new Map([...origins].map(([region, end]) => [region, end.endOffset])),
      };
    });
  }

  async listOffsets(request: ListOffsetsRequest, call: Call): Promise<ListedOffset> {
    return answered(() => this.#listOffsets(request, call));
  }

  async #listOffsets(request: ListOffsetsRequest, call: Call): Promise<ListedOffset> {
    return listOffset(this.#parts, await this.#partition(request, call), request.at, call);
  }

  async reaches(position: PartitionPosition, call: Call): Promise<ReachedPosition> {
    return answered(async () => {
      const { topic } = await this.#topicOf(position, call);
      const partition = this.#partitions.of(topic.topicId, position.partition);
      return {
        topicId: topic.topicId,
        isReached: await reaches(this.#parts, partition, position.offset, call),
      };
    });
  }

  async deleteRecords(request: DeleteRecordsRequest, call: Call): Promise<DeletedRecords> {
    return answered(() => this.#deleteRecords(request, call));
  }

  async #deleteRecords(request: DeleteRecordsRequest, call: Call): Promise<DeletedRecords> {
    // A change of the policy may be younger than what is cached.
    const topic = await this.#topics.describe(request.topic, call);
    if (!hasPartition(topic, request.partition)) throw noPartition(topic, request.partition);
    refuseForeignWrite(topic, 'deleteRecords', this.#onForeignWrite);
    if (!isDeleted(topic.configs)) {
      const message = `Records of topic '${topic.name}' cannot be deleted: its cleanup.policy is compact`;
      throw new MillraceError('POLICY_VIOLATION', message);
    }
    const partition = this.#partitions.of(topic.topicId, request.partition);
    return { logStartOffset: await deleteRecords(this.#parts, partition, request.offset, call) };
  }

  async allocateProducerId(call: Call): Promise<number> {
    return answered(() => this.#producerIds.allocate(call));
  }

  async #partition(place: WantedPlace, call: Call): Promise<Partition> {
    const { topic } = await this.#topicOf(place, call);
    return this.#partitions.of(topic.topicId, place.partition);
  }

  /** ⚑ Nobody is refused for what a process remembers: a copy is promoted at a moment, and producers move right behind it. */
  async #writableTopicOf(place: WantedPlace, call: Call): Promise<SeenTopic> {
    const known = await this.#topicOf(place, call);
    if (!isReadOnly(known.topic.remote)) return known;
    this.#topics.forget(place.topic);
    const seen = await this.#topicOf(place, call);
    refuseForeignWrite(seen.topic, 'produce', this.#onForeignWrite);
    return seen;
  }

  /**
   * A partition that the topic does not have may have been added since it was looked up, and the topic may have been made
   * again.
   */
  async #topicOf(place: WantedPlace, call: Call): Promise<SeenTopic> {
    const known = await this.#topics.resolve(place.topic, call);
    if (hasPlace(known.topic, place)) return known;
    this.#topics.forget(place.topic);
    const seen = await this.#topics.resolve(place.topic, call);
    if (hasPlace(seen.topic, place)) return seen;
    throw noPlace(seen.topic, place);
  }
}

function frozen(topic: string): MillraceError {
  const message = `Topic '${topic}' takes no records: its region is frozen until it is thawed`;
  return new MillraceError('REGION_FROZEN', message);
}

function description(topic: Topic): TopicDescription {
  const { name, topicId, partitionCount, leaderEpoch, configs, remote, promoted } = topic;
  const described = { name, topicId, partitionCount, leaderEpoch, configs };
  return {
    ...described,
    ...(remote === undefined ? {} : { remote }),
    ...(promoted === undefined ? {} : { promoted }),
  };
}
