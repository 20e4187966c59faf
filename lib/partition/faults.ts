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

/** Storage's faults become Kafka's errors here, once, with their cause. */
export async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    throw fault instanceof StorageFault ? storageError(fault) : fault;
  }
}

/**
 * Runs what reads stored bytes. Where those are no sound batches, storage is damaged, whatever the record reader calls
 * it: it was written for what clients send. OFFSET_OUT_OF_RANGE and storage's own faults pass through.
 */
export async function readingStored<T>(where: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (fault) {
    if (!(fault instanceof MillraceError) || fault.code === 'OFFSET_OUT_OF_RANGE') throw fault;
    throw new StorageFault('damaged', `${where}: ${fault.message}`, { cause: fault });
  }
}

/**
 * Reads, and if that met damage, once more: stale metadata may have named what is gone by now, and only `again`, which
 * must rest on fresh ones, decides whether anything is wrong.
 */
export async function lookAgainIfDamaged<T>(where: string, look: (again: boolean) => Promise<T>): Promise<T> {
  try {
    return await readingStored(where, () => look(false));
  } catch (fault) {
    if (!(fault instanceof StorageFault) || fault.kind !== 'damaged') throw fault;
    return readingStored(where, () => look(true));
  }
}
