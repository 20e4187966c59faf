import { invariant } from './errors.ts';

/** Every bound of the engine in one place; the relations between them are asserted below. */
export const LIMITS = {
  /** Kafka's default `max.message.bytes`: the largest record batch, header included. */
  batchBytesDefault: 1_048_588,
  /** The largest value `max.message.bytes` may be set to: a Lambda request carries 6 MB. */
  batchBytesMax: 8_388_608,
  /** What one produce request may hold in all. A Lambda payload is 6 MB; the local node allows a little more. */
  requestBytesMax: 10_485_760,
  /** What one record section may grow to when it is decompressed. */
  decompressedBytesMax: 67_108_864,
  recordsPerBatchMax: 1_000_000,
  headersPerRecordMax: 1_000,

  /** DynamoDB items end at 400 KB; `hot.inline.max.bytes` may not pass this. */
  inlineBytesMax: 262_144,
  /** The largest chunk, all of its batches together. */
  chunkBytesMax: 8_388_608,
  /** The batches a chunk may carry: their headers stand in the pointer item of a spilled chunk. */
  chunkBatchesMax: 128,
  /** Appends that may wait in one process for one partition. */
  appendQueueMax: 10_000,
  /** Their bytes; one more entry may pass it. */
  appendQueueBytesMax: 67_108_864,
  /** Losses in a row after which a walking writer asks for the tail. */
  walkLossesMax: 6,
  /** Bytes of one object that carries spilled chunks. */
  spillObjectBytesMax: 16_777_216,
  spillUploadsInFlightMax: 4,

  /** ⚑ The oldest observed tail that an extending write may rest on when it is signed. */
  fenceAgeMsMax: 60_000,
  /** ⚑ An uploaded object may be referred to for the first time only within this time of its PUT. */
  firstReferenceAgeMsMax: 3_600_000,
  /** AWS refuses a signature that is further off than this. */
  signatureSkewMsMax: 900_000,
  topicCacheMsMax: 60_000,
  hotRetentionMsMin: 86_400_000,
  hotRetentionMsDefault: 604_800_000,
  segmentItemLifeMsMin: 3_600_000,
  /** ⚑ The log start is moved only on a look at it that is at most this old when the request is signed. */
  logStartAgeMsMax: 3_600_000,
  /** How long an `Idempotency-Key` is remembered. */
  idempotencyLifeMs: 86_400_000,
  /** ⚑ How long the item of a deleted topic stands in the way of a late retry of its creation. */
  deletedTopicLifeMs: 86_400_000,
  /** ⚑ How long the items of a deleted topic stay at least, its closed markers among them. */
  deletedTopicGraceMs: 7_200_000,
  /** ⚑ An append is signed only while the look at its topic is at most this old. */
  topicUseAgeMsMax: 3_600_000,
  /** ⚑ A creation is signed only while its look at the name is at most this old. */
  topicCreationAgeMsMax: 3_600_000,
  /** ⚑ A keyed request older than this is refused: its key may have been forgotten in the meantime. */
  keyedRequestAgeMsMax: 3_600_000,

  requestMsDefault: 25_000,
  fetchWaitMsMax: 25_000,
  fetchBytesDefault: 1_048_576,
  fetchBytesMax: 16_777_216,
  pollPauseMsMin: 25,
  pollPauseMsMax: 500,

  segmentBytesDefault: 67_108_864,
  segmentBytesMax: 1_073_741_824,
  /** Segment items are read with every cold append: the index of the last one should not cost a second read unit. */
  segmentIndexEntriesMax: 128,
  /** Stretches that were copied from other regions, in one segment: the item tells each of them. */
  segmentStretchesMax: 256,
  /** Segment items that a process keeps, of one partition and in all; with their indexes at most 8 KB each. */
  segmentCacheItemsPerPartitionMax: 64,
  segmentCacheItemsMax: 1_024,
  /** Bytes of sealed objects that a process keeps, and of those what it may read ahead. */
  objectCacheBytesMax: 33_554_432,
  readAheadBytesMax: 16_777_216,

  partitionsPerTopicMax: 10_000,
  topicsMax: 100_000,
  topicNameCharsMax: 249,

  /** Kafka's window of an idempotent producer: batches it may have in flight to one partition. */
  producerBatchesKept: 5,
  /** Chunks that a cold writer may have to replay for the producers' state; a snapshot is due at half of it. */
  producerReplayChunksMax: 256,
  producersPerPartitionMax: 100_000,
  /** Producers that a process keeps in memory, over all partitions; one partition may pass it. */
  producersInMemoryMax: 200_000,
  /** Kafka's `producer.id.expiration.ms`. */
  producerLifeMs: 86_400_000,
  /** Producer ids that a process takes from storage at once. */
  producerIdBlock: 1_000,
  /** Regions that can give out producer ids side by side: the upper part of an id is its region's number. */
  regionsMax: 1_024,

  groupIdBytesMax: 255,
  memberIdBytesMax: 255,
  /** Kafka's `group.consumer.max.size`, where Kafka sets no bound of its own. */
  membersPerGroupMax: 2_000,
  groupsMax: 100_000,
  topicsPerSubscriptionMax: 1_000,
  subscriptionRegexCharsMax: 1_000,
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  /** Kafka's `group.consumer.session.timeout.ms` and `group.consumer.heartbeat.interval.ms`. */
  sessionTimeoutMsDefault: 45_000,
  heartbeatIntervalMsDefault: 5_000,
  rebalanceTimeoutMsDefault: 300_000,
  rebalanceTimeoutMsMax: 3_600_000,
  /** Kafka's `offset.metadata.max.bytes`. */
  offsetMetadataBytesMax: 4_096,
  /** Regions of which one position of a group tells how far they have been read. */
  vectorRegionsMax: 64,
  /** Kafka's `offsets.retention.minutes`: how long an empty group keeps its offsets. */
  offsetsRetentionMs: 604_800_000,
  /** What any item of a group may grow to. */
  groupItemBytesMax: 100_000,
  /** ⚑ How long the item of a deleted group stands in the way of a late request that knew it. */
  deletedGroupLifeMs: 86_400_000,
  /** ⚑ How old the entry of a group that is not there must be before it is taken off the list. */
  groupRegistrationMsMin: 3_600_000,
  /** ⚑ How long the offsets of a group that was deleted or has expired may still be written to, at most. */
  forgottenOffsetsMsMin: 3_600_000,
} as const;

invariant(LIMITS.inlineBytesMax < 400_000, 'an inline chunk with its headers fits a DynamoDB item');
invariant(LIMITS.batchBytesMax <= LIMITS.chunkBytesMax, 'the largest batch fits a chunk');
invariant(LIMITS.chunkBytesMax <= LIMITS.spillObjectBytesMax, 'the largest chunk fits an object');
invariant(
  LIMITS.fenceAgeMsMax + 2 * LIMITS.signatureSkewMsMax < LIMITS.segmentItemLifeMsMin,
  'a write that was signed inside the fence lands before anything it rests on may be gone',
);
invariant(
  LIMITS.readAheadBytesMax <= LIMITS.objectCacheBytesMax / 2,
  'what is read ahead does not push out what has been asked for',
);
invariant(
  LIMITS.segmentItemLifeMsMin < LIMITS.hotRetentionMsMin,
  'segment items are fenced more tightly than chunks',
);
invariant(
  LIMITS.topicCreationAgeMsMax + 2 * LIMITS.signatureSkewMsMax < LIMITS.deletedTopicLifeMs,
  'a late creation meets the item of the deleted topic',
);
invariant(
  LIMITS.keyedRequestAgeMsMax + LIMITS.topicCacheMsMax + 2 * LIMITS.signatureSkewMsMax <
    LIMITS.idempotencyLifeMs,
  'a keyed request that slept is refused before its key is forgotten',
);
invariant(
  LIMITS.idempotencyLifeMs <= LIMITS.hotRetentionMsMin,
  'a remembered attempt can still be looked up in the hot chain',
);
invariant(
  LIMITS.heartbeatIntervalMsDefault <= LIMITS.sessionTimeoutMsDefault / 3,
  'a member may miss two heartbeats',
);
invariant(
  LIMITS.fenceAgeMsMax + 2 * LIMITS.signatureSkewMsMax <
    Math.min(LIMITS.groupRegistrationMsMin, LIMITS.deletedGroupLifeMs, LIMITS.forgottenOffsetsMsMin),
  'a late creation of a group finds it on the list, and the item of the deleted one in its way',
);
invariant(
  LIMITS.producerLifeMs > LIMITS.keyedRequestAgeMsMax + 2 * LIMITS.signatureSkewMsMax,
  'a late retry still finds its producer',
);
invariant(
  Math.max(
    LIMITS.topicUseAgeMsMax,
    LIMITS.keyedRequestAgeMsMax + LIMITS.topicCacheMsMax,
    LIMITS.logStartAgeMsMax,
    LIMITS.fenceAgeMsMax,
  ) +
    2 * LIMITS.signatureSkewMsMax <
    LIMITS.deletedTopicGraceMs,
  'no late write finds the items of a deleted topic gone',
);
