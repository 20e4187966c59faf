import { MillraceError } from '../errors.ts';
import type { FetchRequest } from '../log.ts';

/** Throws OFFSET_OUT_OF_RANGE for what is no offset, INVALID_FETCH_SIZE for what is no size or time. */
export function checkFetch(request: FetchRequest): void {
  const { offset, maxBytes = 1, minBytes = 0, waitMs = 0 } = request;
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new MillraceError('OFFSET_OUT_OF_RANGE', `Offset ${offset} is not an offset: they begin at 0`);
  }
  if (![maxBytes, minBytes, waitMs].every((value) => Number.isFinite(value) && value >= 0)) {
    throw new MillraceError('INVALID_FETCH_SIZE', 'maxBytes, minBytes and waitMs are numbers from 0 on');
  }
}
