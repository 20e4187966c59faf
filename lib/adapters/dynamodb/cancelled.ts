import type { AttributeValue, CancellationReason } from '@aws-sdk/client-dynamodb';

/** Why one of the caller's items stood in the way of its transaction. */
export interface CancelReason {
  /** DynamoDB's own: `ConditionalCheckFailed`, `ValidationError`, `ItemCollectionSizeLimitExceeded`, … */
  readonly code: string;
  readonly message: string;
  /** What stands there, if the item asked for it (`ReturnValuesOnConditionCheckFailure: 'ALL_OLD'`). */
  readonly item?: Readonly<Record<string, AttributeValue>>;
}

/** The caller's own part of a transaction refused it. Nothing was stored, neither his items nor ours. */
export class TransactionCancelledError extends Error {
  override readonly name = 'TransactionCancelledError';
  /** One for each of the caller's items, in his order; undefined for those that did not stand in the way. */
  readonly reasons: readonly (CancelReason | undefined)[];

  constructor(reasons: readonly (CancelReason | undefined)[], options?: { readonly cause?: unknown }) {
    const told = reasons.flatMap((reason, index) =>
      reason === undefined ? [] : [`item ${index}: ${reason.code}`],
    );
    super(`The transaction was cancelled and nothing was stored (${told.join('; ')})`, options);
    this.reasons = reasons;
  }
}

export function cancelReason({ Code, Message, Item }: CancellationReason): CancelReason {
  return { code: Code ?? '', message: Message ?? '', ...(Item === undefined ? {} : { item: Item }) };
}
