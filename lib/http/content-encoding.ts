import { gunzip } from 'node:zlib';
import { badRequest, HttpError } from './http-error.ts';

export const bodyTooLarge = (bytesMax: number): HttpError =>
  new HttpError(
    { status: 413, kafkaError: 'MESSAGE_TOO_LARGE' },
    `The request body is larger than ${bytesMax} bytes`,
  );

const isGzip = (encoding: string): boolean => /^(x-)?gzip$/i.test(encoding.trim());

/** 415 for a Content-Encoding other than gzip or identity. */
export function encodingRefusal(encoding: string | undefined): HttpError | undefined {
  if (encoding === undefined || isGzip(encoding) || encoding.toLowerCase() === 'identity') return undefined;
  return new HttpError({ status: 415 }, `Content-Encoding '${encoding}' is not supported; use gzip or none`, {
    'Accept-Encoding': 'gzip, identity',
  });
}

/** Calls `done` with the plain body of at most `bytesMax`, at once if it was not encoded, or with what is wrong with it. */
export function undoEncoding(
  encoding: string | undefined,
  body: Uint8Array,
  bytesMax: number,
  done: (body: Uint8Array | HttpError) => void,
): void {
  if (encoding === undefined || !isGzip(encoding)) {
    done(encodingRefusal(encoding) ?? body);
    return;
  }
  gunzip(body, { maxOutputLength: bytesMax }, (error: NodeJS.ErrnoException | null, plain) => {
    if (error === null) done(plain);
    else if (error.code === 'ERR_BUFFER_TOO_LARGE') done(bodyTooLarge(bytesMax));
    else done(badRequest('The body is not valid gzip'));
  });
}
