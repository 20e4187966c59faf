import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { type ErrorCode, MillraceError } from '../errors.ts';
import type { PartitionPlace } from '../log.ts';
import type { StoreWithin } from '../storage/within.ts';
import type { CallOptions, ClientParts } from './client-parts.ts';
import { transactionsOf } from './transactions.ts';

/** A record as far as its place matters. */
export interface InboxRecord extends PartitionPlace {
  readonly offset: number;
}

/** What the inbox needs of a consumer, which must not commit by itself. */
export interface InboxConsumer<Received extends InboxRecord> extends AsyncIterable<Received> {
  /**
   * Commits the position behind a record that this consumer has handed out. ⚑ STALE_MEMBER_EPOCH unless the partition has
   * been the member's without a break since then: others may have applied the record meanwhile.
   */
  commitWithin(record: Received, store: StoreWithin<string>, options?: CallOptions): Promise<void>;
  /** Takes the partition over once more and goes on from what is committed there, if it is still the member's. */
  retake(place: PartitionPlace): Promise<void>;
}

/**
 * - `stored`: the items and the position are stored.
 * - `moved`: whether they are is not known, or the partition is somebody else's by now. The consumer has been put back to
 *   the position that is committed, so the record comes again if it has not been applied, and does not if it has.
 */
export type InboxOutcome = 'stored' | 'moved';

/**
 * Exactly-once consumption into DynamoDB: the position behind a record is one item of the transaction that applies it.
 * Whoever dies in between, every record is applied once, by the member that owns its partition.
 */
export interface Inbox<Received extends InboxRecord> {
  /**
   * Applies one record, or those of one batch of its partition, of which it is the last. Without items the position
   * alone is stored. Throws `TransactionCancelledError` if the items' own conditions refused (nothing was stored, the
   * position stays) and `MillraceError`: INVALID_REQUEST as `Outbox.send`, and what `commit` throws.
   */
  store(record: Received, items: readonly TransactWriteItem[], options?: CallOptions): Promise<InboxOutcome>;
  /**
   * Reads records and stores what `apply` makes of each, one after the other, until the consumer is closed or something
   * throws. Records of which `apply` makes nothing are passed over: their position is stored with that of the next one
   * that counts, and every 500 of them. Whoever goes on after the end passes over the last of them once more.
   */
  run(
    apply: (record: Received) => readonly TransactWriteItem[] | Promise<readonly TransactWriteItem[]>,
  ): Promise<void>;
}

const PASSED_OVER_MAX = 500;
const PAUSE_MS = 500;

export function createInbox<Received extends InboxRecord>(
  parts: Pick<ClientParts, 'transactions' | 'clock'>,
  consumer: InboxConsumer<Received>,
): Inbox<Received> {
  const transactions = transactionsOf(parts, 'The inbox');

  const store: Inbox<Received>['store'] = async (record, items, options) => {
    const within = transactions.catalog(items);
    try {
      await consumer.commitWithin(record, within, options);
      return 'stored';
    } catch (error) {
      const kind = kindOf(error);
      if (kind === 'final') throw error;
      if (kind === 'later') await parts.clock.sleep(PAUSE_MS, options?.signal);
      await consumer.retake({ topic: record.topic, partition: record.partition });
      return 'moved';
    }
  };

  return { store, run: (apply) => run(consumer, store, apply) };
}

async function run<Received extends InboxRecord>(
  consumer: InboxConsumer<Received>,
  store: Inbox<Received>['store'],
  apply: Parameters<Inbox<Received>['run']>[0],
): Promise<void> {
  /** Records in a row, by partition, of which nothing was made. */
  const passedOver = new Map<string, number>();
  for await (const record of consumer) {
    const place = `${record.topic}:${record.partition}`;
    const items = await apply(record);
    const count = (passedOver.get(place) ?? 0) + 1;
    const isPassedOver = items.length === 0 && count < PASSED_OVER_MAX;
    passedOver.set(place, isPassedOver ? count : 0);
    if (!isPassedOver) await store(record, items);
  }
}

/** What says that the partition is not, or may not be, as this process believes. */
const MOVED: ReadonlySet<ErrorCode> = new Set([
  'STALE_MEMBER_EPOCH',
  'FENCED_MEMBER_EPOCH',
  'UNKNOWN_MEMBER_ID',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
]);
const LATER: ReadonlySet<ErrorCode> = new Set(['REQUEST_TIMED_OUT', 'THROTTLING_QUOTA_EXCEEDED']);

/** `moved`: look again where the group stands, at once; `later`: after a while; `final`: the caller's to judge. */
function kindOf(error: unknown): 'moved' | 'later' | 'final' {
  if (!(error instanceof MillraceError)) return 'final';
  if (MOVED.has(error.code)) return 'moved';
  return LATER.has(error.code) ? 'later' : 'final';
}
