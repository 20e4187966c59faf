import {
  type AttributeValue,
  type CancellationReason,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import { MillraceError } from '../../errors.ts';
import { cancelReason, TransactionCancelledError } from './cancelled.ts';

/** What a transaction that was not carried out tells. */
export type CancelAnswer =
  /** Our condition did not hold; `before` is what stands there. */
  | { readonly kind: 'lost'; readonly before: Readonly<Record<string, AttributeValue>> | undefined }
  /** The caller's part refused. */
  | { readonly kind: 'cancelled'; readonly cause: MillraceError | TransactionCancelledError }
  /** Our own item was refused for something else than its condition. */
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Reasons that pass: another transaction or write holds an item, or a table takes no more for now. The request did
 * nothing and may be sent again. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
 */
const PASSING = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/** Whole requests that DynamoDB refuses unread. Our own item is known to be right, and its table to be there. */
const MISTAKES = new Set([
  'ValidationException',
  'SerializationException',
  'ResourceNotFoundException',
  'RequestEntityTooLarge',
]);

/**
 * Tells an answer from a fault; our item is the first of the transaction. Undefined: a fault, which its name classifies.
 * Our condition comes before the caller's: where it failed, his may have failed only because an earlier attempt of the
 * same transaction was carried out.
 */
export function cancelAnswer(error: unknown): CancelAnswer | undefined {
  if (!(error instanceof Error)) return undefined;
  if (MISTAKES.has(error.name)) return { kind: 'cancelled', cause: mistake(error.message, error) };
  if (!(error instanceof TransactionCanceledException)) return undefined;
  const [own, ...callers] = (error.CancellationReasons ?? []).map(effective);
  if (own?.Code === 'ConditionalCheckFailed') return { kind: 'lost', before: own.Item };
  const reasons = callers.map((reason) => reason && cancelReason(reason));
  const final = reasons.filter((reason) => reason !== undefined && !PASSING.has(reason.code));
  if (final.length === 0) {
    return own === undefined || PASSING.has(own.Code ?? '')
      ? undefined
      : { kind: 'refused', why: `${own.Code}: ${own.Message}` };
  }
  const cancelled = new TransactionCancelledError(reasons, { cause: error });
  const invalid = final.find((reason) => reason?.code === 'ValidationError');
  return { kind: 'cancelled', cause: invalid ? mistake(invalid.message, cancelled) : cancelled };
}

function effective(reason: CancellationReason): CancellationReason | undefined {
  return reason.Code === undefined || reason.Code === 'None' ? undefined : reason;
}

function mistake(message: string, cause: Error): MillraceError {
  return new MillraceError('INVALID_REQUEST', `DynamoDB refuses the transaction: ${message}`, { cause });
}
