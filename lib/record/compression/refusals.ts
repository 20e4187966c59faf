import { MillraceError } from '../../errors.ts';

/** What a codec throws when the bytes are not what the codec writes. */
export function corruptCompression(message: string, cause?: unknown): MillraceError {
  return new MillraceError('CORRUPT_MESSAGE', message, cause === undefined ? undefined : { cause });
}

/** What a codec throws before it would hand out more bytes than its caller allows. */
export function pastBound(bytesMax: number): MillraceError {
  return new MillraceError('MESSAGE_TOO_LARGE', `compressed records grow past ${bytesMax} bytes`);
}
