import { StorageFault } from './fault.ts';

/** S3's bound (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html). */
const KEY_CHARS_MAX = 1_024;
/** What file systems take for one name. */
const SEGMENT_CHARS_MAX = 255;
const SEGMENT = /^[A-Za-z0-9_=-][A-Za-z0-9._=-]*$/;

/**
 * Object keys are paths that mean the same in S3 and in a folder: segments of `A-Z a-z 0-9 . _ = -` joined by `/`, none
 * empty and none beginning with a dot. Throws a `refused` fault.
 */
export function checkObjectKey(key: string): void {
  const sound =
    key.length <= KEY_CHARS_MAX &&
    key.split('/').every((segment) => segment.length <= SEGMENT_CHARS_MAX && SEGMENT.test(segment));
  if (!sound) throw new StorageFault('refused', `${JSON.stringify(key)} is not an object key`);
}

/** A range of an object begins inside it; storage cannot have written what lies behind its end. */
export function checkObjectRange(
  key: string,
  range: { readonly start: number; readonly length: number },
  objectBytes: number,
): void {
  if (
    !Number.isSafeInteger(range.start) ||
    !Number.isSafeInteger(range.length) ||
    range.start < 0 ||
    range.length < 1
  ) {
    throw new StorageFault('refused', `${range.start}+${range.length} is not a range`);
  }
  if (range.start >= objectBytes) {
    throw new StorageFault('damaged', `${key} has ${objectBytes} bytes, a range begins at ${range.start}`);
  }
}
