import { hash } from 'node:crypto';
import { badRequest } from './http-error.ts';
import type { HttpRequest } from './message.ts';

/** What makes two requests one: the client's key, and a hash of what it sent with it. */
export interface Identity {
  readonly idempotencyKey: string;
  readonly fingerprint: string;
}

/**
 * The `Idempotency-Key` of a produce: 1 to 255 visible ASCII characters, else 400. Records are stamped anew on a retry,
 * so the fingerprint is over the body as it was sent.
 */
export function identityOf(request: HttpRequest): Identity | undefined {
  const idempotencyKey = request.headers['idempotency-key'];
  if (idempotencyKey === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
    throw badRequest('Idempotency-Key must be 1 to 255 visible ASCII characters');
  }
  return { idempotencyKey, fingerprint: hash('sha256', request.body, 'base64url').slice(0, 22) };
}
