import { MillraceError } from '../errors.ts';
import { StorageFault } from '../storage/fault.ts';

/**
 * What the caller of a failed append is told. Only REQUEST_TIMED_OUT leaves open whether it happened; every other
 * answer means that nothing was stored. Faults that are not storage's are bugs and pass through as the cause.
 */
export function appendError(fault: unknown): MillraceError {
  if (fault instanceof MillraceError) return fault;
  if (!(fault instanceof StorageFault)) {
    return new MillraceError(
      'UNKNOWN_SERVER_ERROR',
      'The append failed unexpectedly; it may have been stored',
      {
        cause: fault,
      },
    );
  }
  if (fault.mayHaveHappened) {
    return new MillraceError(
      'REQUEST_TIMED_OUT',
      'Storage did not answer in time; the records may have been stored',
      {
        cause: fault,
      },
    );
  }
  return storageError(fault);
}

/** What the caller of a failed read, or of a write that surely did not happen, is told. */
export function storageError(fault: StorageFault): MillraceError {
  switch (fault.kind) {
    case 'throttled':
      return new MillraceError('THROTTLING_QUOTA_EXCEEDED', `Storage is throttling: ${fault.message}`, {
        cause: fault,
      });
    case 'interrupted':
    case 'skewed':
    case 'fenced':
      return new MillraceError('REQUEST_TIMED_OUT', `Storage did not answer in time: ${fault.message}`, {
        cause: fault,
      });
    case 'full':
    case 'refused':
    case 'damaged':
      return new MillraceError('KAFKA_STORAGE_ERROR', fault.message, { cause: fault });
  }
}
