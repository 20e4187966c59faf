import type { IncomingMessage } from 'node:http';
import { bodyTooLarge, encodingRefusal, undoEncoding } from './content-encoding.ts';
import type { HttpError } from './http-error.ts';

const NOTHING: Uint8Array = new Uint8Array(0);

/** What is known before a byte of the body has come: 413 if it states to be too large, 415 for a strange encoding. */
export function refusalOf({ headers }: IncomingMessage, bytesMax: number): HttpError | undefined {
  if (Number(headers['content-length'] ?? 0) > bytesMax) return bodyTooLarge(bytesMax);
  return encodingRefusal(headers['content-encoding']);
}

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
    undoEncoding(incoming.headers['content-encoding'], body, bytesMax, done);
  });
}
