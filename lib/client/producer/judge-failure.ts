import { MillraceError } from '../../errors.ts';

/** What to do with a batch that was refused. */
export type Verdict =
  /** The same bytes again: after a pause, or, if it stands behind others, once they are settled. */
  | { readonly kind: 'again' }
  /** It is surely not stored and its sequence is of no use any more: a new epoch, encoded anew. */
  | { readonly kind: 'renumber'; readonly newProducer: boolean }
  | { readonly kind: 'fail'; readonly error: unknown };

export interface Failure {
  readonly error: unknown;
  /** Whether an attempt before had an open outcome, or this one has. */
  readonly maybeStored: boolean;
  readonly isFirst: boolean;
  readonly isIdempotent: boolean;
  readonly isTimeOver: boolean;
  readonly attemptCount: number;
}

/** Renumbering mends what others have done to the producer's state; more often than this something else is wrong. */
const RENUMBERED_MAX = 5;

/** Pure: decides what becomes of a batch after a failed attempt. */
export function judgeFailure(failure: Failure): Verdict {
  const { error, maybeStored, isTimeOver } = failure;
  if (!(error instanceof MillraceError)) return { kind: 'fail', error };
  switch (error.code) {
    case 'REQUEST_TIMED_OUT':
      // Without a sequence storage cannot tell the retry from a second record.
      if (!failure.isIdempotent && maybeStored) return { kind: 'fail', error };
      return isTimeOver ? { kind: 'fail', error } : { kind: 'again' };
    case 'THROTTLING_QUOTA_EXCEEDED':
    case 'REGION_FROZEN':
      if (!isTimeOver) return { kind: 'again' };
      return { kind: 'fail', error: maybeStored ? openOutcome(error) : error };
    case 'OUT_OF_ORDER_SEQUENCE_NUMBER':
    case 'INVALID_PRODUCER_EPOCH':
      return judgeSequence(failure, error);
    default:
      return { kind: 'fail', error: maybeStored ? openOutcome(error) : error };
  }
}

function judgeSequence(failure: Failure, error: MillraceError): Verdict {
  // It came before its turn: those in front of it are not stored yet.
  if (!failure.isFirst) return { kind: 'again' };
  if (failure.maybeStored) return { kind: 'fail', error: openOutcome(error) };
  if (failure.isTimeOver || failure.attemptCount > RENUMBERED_MAX) return { kind: 'fail', error };
  return { kind: 'renumber', newProducer: error.code === 'INVALID_PRODUCER_EPOCH' };
}

/** Whether the answer leaves open if the batch was stored. */
export function leavesOpen(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return true;
  return error.code === 'REQUEST_TIMED_OUT' || error.code === 'UNKNOWN_SERVER_ERROR';
}

function openOutcome(cause: MillraceError): MillraceError {
  const message = 'An earlier attempt may have stored the records; look for them before sending them again';
  return new MillraceError('REQUEST_TIMED_OUT', `${message} (${cause.message})`, { cause });
}
