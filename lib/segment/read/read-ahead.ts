import { LIMITS } from '../../limits.ts';
import type { Bucket } from '../../storage/bucket.ts';
import type { Clock } from '../../storage/clock.ts';
import { Meter } from '../../storage/meter.ts';
import type { Segment } from '../segment-item.ts';
import type { Cursor } from './cursors.ts';
import type { ObjectCache } from './object-cache.ts';
import { indexEnd } from './read-segment.ts';

export interface ReadAhead {
  /** Makes sure that what a reader asks next is on its way, within the bounds. */
  start(segment: Segment, from: Cursor & { readonly bytesMax: number }): void;
  /** The reader has gone: what was read for it and not used is dropped. */
  stop(cursor: Cursor): void;
}

const BYTES_AT_ONCE_MIN = 4_194_304;
/** One stretch to read from and one under way. */
const STRETCHES = 2;
const PATIENCE_MS = 5_000;

/**
 * Nobody waits for what is read ahead, so it has a deadline of its own; where it fails, the reader reads for himself. It
 * is charged to the call that uses it first, and to nobody if none does.
 */
export function readAhead(deps: {
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly objects: ObjectCache;
}): ReadAhead {
  const { bucket, clock, objects } = deps;
  return {
    start(segment, { objectKey, position, bytesMax }) {
      const bytesAtOnce = Math.max(BYTES_AT_ONCE_MIN, Math.min(bytesMax, LIMITS.readAheadBytesMax / 4));
      const start = objects.endOf(objectKey, position);
      const isEnough = start >= segment.bytes || start - position >= STRETCHES * bytesAtOnce;
      const end = indexEnd(segment, start, bytesAtOnce);
      if (isEnough || objects.aheadBytes + end - start > LIMITS.readAheadBytesMax) return;
      const meter = new Meter();
      const call = { meter, deadlineMs: clock.monotonicMs() + PATIENCE_MS };
      const bytes = bucket.get(objectKey, { start, length: end - start }, call).then(
        (found) => (found?.length === end - start ? found : undefined),
        () => undefined,
      );
      objects.addAhead({ objectKey, start, end, bytes }, () => meter.usage);
    },
    stop: ({ objectKey, position }) => objects.dropAhead(objectKey, position),
  };
}
