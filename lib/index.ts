/** Millrace as a library: the same engine that serves HTTP, in the caller's own process. See docs/library.md. */
export { type CancelReason, TransactionCancelledError } from './adapters/dynamodb/cancelled.ts';
export type { Admin } from './client/admin.ts';
export type { CallOptions } from './client/client-parts.ts';
export type { ConsumedRecord } from './client/consumer/consumed-record.ts';
export type { Consumer } from './client/consumer/consumer.ts';
export type { ConsumerOptions } from './client/consumer/consumer-options.ts';
export type { ConsumedBatch } from './client/consumer/deliveries.ts';
export type { SeekTarget } from './client/consumer/start-position.ts';
export type { Inbox, InboxOutcome } from './client/inbox.ts';
export type { Millrace } from './client/millrace.ts';
export type { AwsOptions } from './client/open-aws.ts';
export type { EmbeddedOptions } from './client/open-embedded.ts';
export { type MillraceOptions, openMillrace } from './client/open-millrace.ts';
export type { Outbox, OutboxMessage } from './client/outbox.ts';
export type {
  Producer,
  ProducerOptions,
  RecordMetadata,
  SendOptions,
  SendWithinOptions,
} from './client/producer/producer.ts';
export type { Content, ProducerRecord } from './client/producer/producer-record.ts';
export { SendError, type SendOutcome } from './client/producer/send-error.ts';
export { type ErrorCode, type ErrorRow, InvariantError, MillraceError } from './errors.ts';
export type {
  AssignedTopic,
  CommittedOffset,
  GroupDescription,
  GroupListing,
  GroupState,
  GroupSubscription,
  MemberDescription,
  OffsetReset,
  OffsetToCommit,
  PartitionLag,
  Vector,
} from './groups.ts';
export type {
  ConfigAlteration,
  DeletedRecords,
  ListedOffset,
  ListOffsetsRequest,
  NewTopic,
  PartitionPlace,
  TopicDescription,
} from './log.ts';
export type { CompressionName } from './record/compression/names.ts';
export { StorageFault, type StorageFaultKind } from './storage/fault.ts';
export { dollarsOf, type Usage } from './storage/meter.ts';
export type { StoreWithin, WithinResult } from './storage/within.ts';
export type { ConfigSource, TopicConfigEntry, TopicConfigName } from './topic/configs.ts';
