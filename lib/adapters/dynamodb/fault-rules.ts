import type { FaultRules } from '../aws/faults.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html; the rest goes by status. */
export const FAULT_RULES: FaultRules = {
  throttledStatuses: [429],
  names: {
    ProvisionedThroughputExceededException: 'throttled',
    RequestLimitExceeded: 'throttled',
    Throttling: 'throttled',
    ThrottlingException: 'throttled',
    // Somebody's transaction holds the item; this request did nothing.
    TransactionConflictException: 'throttled',
    // What is not an answer (cancel-answer.ts): the same, told by a transaction of ours.
    TransactionCanceledException: 'throttled',
    // An earlier attempt of the same transaction is still at work; this one did nothing.
    TransactionInProgressException: 'throttled',
  },
};
