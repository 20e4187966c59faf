import type { IncomingMessage } from 'node:http';
import { gunzip } from 'node:zlib';
import { badRequest, HttpError } from './http-error.ts';

const NOTHING: Uint8Array = new Uint8Array(0);

export const bodyTooLarge = (bytesMax: number): HttpError =>
  new HttpError(
    { status: 413, kafkaError: 'MESSAGE_TOO_LARGE' },
    `The request body is larger than ${bytesMax} bytes`,
  );

/** What is known before a byte of the body has come: 413 if it states to be too large, 415 for a strange encoding. */
export function refusalOf({ headers }: IncomingMessage, bytesMax: number): HttpError | undefined {
  if (Number(headers['content-length'] ?? 0) > bytesMax) return bodyTooLarge(bytesMax);
  const encoding = headers['content-encoding'];
  if (encoding === undefined || isGzip(encoding) || encoding.toLowerCase() === 'identity') return undefined;
  return new HttpError({ status: 415 }, `Content-Encoding '${encoding}' is not supported; use gzip or none`, {
    'Accept-Encoding': 'gzip, identity',
  });
}

const isGzip = (encoding: string): boolean => /^(x-)?gzip$/i.test(encoding.trim());

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Collects the body and calls `done` once, with the bytes or with the reason why there are none. A request that breaks
 * off calls nothing: nobody is there to be answered.
 */
export function collectBody(
  incoming: IncomingMessage,
  bytesMax: number,
  done: (body: Uint8Array | HttpError) => void,
): void {
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let bytes = 0;
  let over = false;

  incoming.on('data', (chunk: Buffer) => {
    if (over) return;
    bytes += chunk.length;
    if (bytes > bytesMax) {
      over = true;
      done(bodyTooLarge(bytesMax));
    } else if (first === undefined) first = chunk;
    else {
      more ??= [first];
      more.push(chunk);
    }
  });
  incoming.on('end', () => {
    if (over) return;
    const body = more === undefined ? (first ?? NOTHING) : Buffer.concat(more, bytes);
    const encoding = incoming.headers['content-encoding'];
    if (encoding !== undefined && isGzip(encoding)) unzip(body, bytesMax, done);
    else done(body);
  });
}

function unzip(body: Uint8Array, bytesMax: number, done: (body: Uint8Array | HttpError) => void): void {
  gunzip(body, { maxOutputLength: bytesMax }, (error: NodeJS.ErrnoException | null, plain) => {
    if (error === null) done(plain);
    else if (error.code === 'ERR_BUFFER_TOO_LARGE') done(bodyTooLarge(bytesMax));
    else done(badRequest('The body is not valid gzip'));
  });
}
