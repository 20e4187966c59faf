import { MillraceError } from '../../errors.ts';
import type { CommittedOffset, OffsetToCommit } from '../../groups.ts';
import type { PartitionPlace } from '../../log.ts';
import type { StoreWithin } from '../../storage/within.ts';
import type { CallOptions, ClientParts } from '../client-parts.ts';
import { createInbox, type Inbox } from '../inbox.ts';
import type { ConsumedRecord } from './consumed-record.ts';
import { type ConsumerOptions, consumerSettings, isSubscribed } from './consumer-options.ts';
import { type ConsumerCore, createCore } from './core.ts';
import type { ConsumedBatch } from './deliveries.ts';
import { beginAt, namedPlace } from './held-partition.ts';
import { iterate } from './iterate.ts';
import { type SeekTarget, seekPosition } from './start-position.ts';
import { noteStored, toCommit } from './to-commit.ts';

/**
 * Reads records, alone or as a member of a group, in a loop:
 *
 *     for await (const record of consumer) await handle(record);
 *
 * At least once: the loop is done with a record when it asks for the next one, and only what it is done with is committed
 * by itself. A loop that is left in the middle (`break`, `throw`) is not done with the record it was given: the next loop
 * begins with it; to have it committed all the same, `await consumer.commit()` first. Errors that need somebody end the loop by being thrown in it;
 * a new loop tries again. One loop at a time.
 */
export interface Consumer extends AsyncIterable<ConsumedRecord> {
  /** Undefined without a subscription. */
  readonly memberId: string | undefined;
  /**
   * The same loop, several records of one partition at a time: at least one, at most `recordsMax` (default 500). The loop is
   * done with all of them when it asks for the next ones.
   */
  batches(options?: { readonly recordsMax?: number }): AsyncIterable<ConsumedBatch>;
  /** What is read at the moment, sorted by topic and partition. */
  assignment(): readonly PartitionPlace[];
  /**
   * Reads these partitions from now on, and no others, without a group's members; from where `groupId` has committed if there is
   * one, else by `autoOffsetReset`. INVALID_REQUEST for a consumer that subscribes.
   */
  assign(places: readonly PartitionPlace[]): Promise<void>;
  /** Nothing of these (default: of all assigned) is given to the loop until `resume`. INVALID_REQUEST if not assigned. */
  pause(places?: readonly PartitionPlace[]): void;
  resume(places?: readonly PartitionPlace[]): void;
  paused(): readonly PartitionPlace[];
  /** Goes on there, with everything that stands behind; a time after the last record's is the end. INVALID_REQUEST if not assigned, OFFSET_OUT_OF_RANGE. */
  seek(place: PartitionPlace & { readonly to: SeekTarget }): Promise<void>;
  /** The next offset the loop is given. Undefined if not assigned. */
  position(place: PartitionPlace): number | undefined;
  /**
   * Commits `offsets` (each the next offset to be read), or without them everything the loop was given, the record in its
   * hands included; with what the group has read behind them elsewhere, unless `vector` says it. UNKNOWN_MEMBER_ID and STALE_MEMBER_EPOCH (the partition belongs to another member by now: what was
   * read of it will be read again there), OFFSET_OUT_OF_RANGE, OFFSET_METADATA_TOO_LARGE, UNKNOWN_TOPIC_OR_PARTITION,
   * REQUEST_TIMED_OUT (it may have happened).
   */
  commit(offsets?: readonly OffsetToCommit[], options?: CallOptions): Promise<void>;
  /** What the group has committed for these places (default: for all). A place without a commit is left out. */
  committed(places?: readonly PartitionPlace[], options?: CallOptions): Promise<readonly CommittedOffset[]>;
  /** Positions as items of the caller's own transactions. INVALID_CONFIG with `autoCommit`, INVALID_REQUEST if the log is not kept in DynamoDB. */
  inbox(): Inbox<ConsumedRecord>;
  /**
   * Commits the position behind a record as a part of something larger: the ground the inbox stands on. ⚑ STALE_MEMBER_EPOCH
   * unless the partition has been this member's without a break since the loop was given the record: others may have
   * dealt with it meanwhile. Other errors as `commit`; what made the other part refuse is thrown as it is.
   */
  commitWithin(record: ConsumedRecord, store: StoreWithin<string>, options?: CallOptions): Promise<void>;
  /**
   * Takes a partition over once more and goes on at its committed position, after a commit whose outcome is open. Nothing
   * happens if it is not this member's any more.
   */
  retake(place: PartitionPlace): Promise<void>;
  /**
   * Ends the loop, commits what it is done with (with `autoCommit`), and leaves the group. Does not wait for a record in the
   * loop's hands: to have that finished first, abort the `signal` option instead, or leave the loop and then close. Rejects
   * with what went wrong on the way (a commit that was refused, a callback that threw); the consumer is closed all the same.
   */
  close(): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const RECORDS_MAX_DEFAULT = 500;

/** INVALID_CONFIG for options that make no sense. */
export function createConsumer(parts: ClientParts, options: ConsumerOptions): Consumer {
  const settings = consumerSettings(options);
  const core = createCore(parts, settings);
  const { deliveries, committer, session } = core;
  const { groupId, requestTimeoutMs } = settings;
  const all = (): readonly PartitionPlace[] => deliveries.all().map(({ place }) => place);

  const consumer: Consumer = {
    memberId: session?.memberId,
    [Symbol.asyncIterator]: () => iterate(core, () => deliveries.takeRecord()),
    batches: ({ recordsMax = RECORDS_MAX_DEFAULT } = {}) => {
      if (!(recordsMax >= 1))
        throw new MillraceError('INVALID_REQUEST', `recordsMax is at least 1, not ${recordsMax}`);
      return { [Symbol.asyncIterator]: () => iterate(core, () => deliveries.takeBatch(recordsMax)) };
    },
    assignment: () => sorted(all()),
    assign: async (places) => {
      if (isSubscribed(settings)) {
        throw new MillraceError(
          'INVALID_REQUEST',
          'This consumer subscribes to topics: its group assigns its partitions',
        );
      }
      await core.assign(places);
    },
    pause: (places = all()) => core.setPaused(places, true),
    resume: (places = all()) => core.setPaused(places, false),
    paused: () => sorted(deliveries.all().flatMap(({ isPaused, place }) => (isPaused ? [place] : []))),
    seek: async ({ to, ...place }) => {
      const held = core.heldAt(place);
      const position = await seekPosition(parts, namedPlace(held), { to, timeoutMs: requestTimeoutMs });
      beginAt(held, position);
      core.gate.changed.ring();
    },
    position: (place) => deliveries.get(place)?.position.offset,
    commit: async (offsets, callOptions) => {
      if (offsets === undefined) {
        await committer.commitGiven(deliveries.all(), callOptions);
        return;
      }
      const named = offsets.map((offset) => {
        const held = deliveries.get(offset);
        return held === undefined ? offset : toCommit(held, offset);
      });
      const results = await committer.commitOffsets(named, callOptions);
      noteCommitted(
        core,
        named.filter((_, index) => results[index]?.error === undefined),
      );
      const failed = results.find(({ error }) => error !== undefined);
      if (failed?.error !== undefined) throw failed.error;
    },
    committed: async (places, callOptions) => {
      const call = parts.newCall({ timeoutMs: requestTimeoutMs, ...callOptions });
      return parts.groups.committed(neededGroupId(groupId), places, call);
    },
    inbox: () => {
      if (settings.autoCommit) {
        throw new MillraceError(
          'INVALID_CONFIG',
          'With an inbox positions are committed by its transactions: set autoCommit to false',
        );
      }
      return createInbox(parts, consumer);
    },
    commitWithin: (record, store, callOptions) =>
      committer.inTurn(async () => {
        const { leaderEpoch } = record;
        const member = session?.member();
        if (member === undefined || !wasGiven(core, record)) throw notOurs(record);
        const call = parts.newCall({ timeoutMs: requestTimeoutMs, ...callOptions });
        const offset = toCommit(core.heldAt(record), { offset: record.offset + 1, leaderEpoch });
        await parts.groups.commitWithin({ groupId: neededGroupId(groupId), member, offset, store }, call);
        noteCommitted(core, [offset]);
      }),
    retake: (place) => committer.inTurn(() => core.retake(place)),
    close: () => core.close(),
    [Symbol.asyncDispose]: () => core.close(),
  };
  return consumer;
}

function wasGiven({ deliveries }: ConsumerCore, record: ConsumedRecord): boolean {
  const held = deliveries.get(record);
  return held !== undefined && record.offset >= held.givenFrom && record.offset < held.position.offset;
}

function notOurs({ topic, partition, offset }: ConsumedRecord): MillraceError {
  const message = `Partition ${partition} of topic '${topic}' has not been this member's without a break since it was given offset ${offset}`;
  return new MillraceError('STALE_MEMBER_EPOCH', message);
}

function neededGroupId(groupId: string | undefined): string {
  if (groupId !== undefined) return groupId;
  throw new MillraceError('INVALID_GROUP_ID', 'The consumer has no groupId');
}

/** What was committed explicitly need not be committed again. */
function noteCommitted({ deliveries }: ConsumerCore, offsets: readonly OffsetToCommit[]): void {
  for (const offset of offsets) {
    const held = deliveries.get(offset);
    if (held === undefined) continue;
    noteStored(held, offset);
    held.processed = { offset: offset.offset, leaderEpoch: offset.leaderEpoch ?? -1 };
  }
}

function sorted(places: readonly PartitionPlace[]): readonly PartitionPlace[] {
  return [...places].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  );
}
