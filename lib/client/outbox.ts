import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { ClientParts } from './client-parts.ts';
import type { Producer, RecordMetadata, SendWithinOptions } from './producer/producer.ts';
import type { ProducerRecord } from './producer/producer-record.ts';
import { transactionsOf } from './transactions.ts';

/**
 * Events without an outbox table: records become one item of the caller's own DynamoDB transaction, so what is written
 * and what is said about it are stored together or not at all.
 */
export interface Outbox {
  /**
   * Sends `TransactWriteItems` with `items` and the records, which all go to one partition. Resolves once both are
   * durable and visible. The tables of the items lie in the account and region of the log's own.
   *
   * Throws `TransactionCancelledError` if the caller's own part refused, with his reasons in the order of his items, and
   * `MillraceError`:
   * - INVALID_REQUEST: items that no transaction takes (more than 99, one key twice, a table that is not there, one of
   *   the log's own tables), records of several partitions, a log that is not kept in DynamoDB;
   * - MESSAGE_TOO_LARGE: more than fits an item, 262,144 bytes in all;
   * - REQUEST_TIMED_OUT: both may have been stored, or neither. Conditions among the items, or an idempotency key, make
   *   it safe to send again;
   * - whatever `send` throws. Nothing was stored then.
   */
  send(message: OutboxMessage, options?: SendWithinOptions): Promise<readonly RecordMetadata[]>;
}

export interface OutboxMessage {
  /** At least one. */
  readonly records: readonly ProducerRecord[];
  /** 1 to 99, in the form of the DynamoDB client (`{ Put: { TableName, Item: { id: { S: '1' } } } }`). */
  readonly items: readonly TransactWriteItem[];
}

export function createOutbox(parts: ClientParts, producer: Pick<Producer, 'sendWithin'>): Outbox {
  const transactions = transactionsOf(parts, 'The outbox');
  return {
    send: async ({ records, items }, options) =>
      producer.sendWithin(records, transactions.hot(items), options),
  };
}
