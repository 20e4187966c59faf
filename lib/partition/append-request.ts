import { createHash } from 'node:crypto';
import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Observation } from '../storage/observation.ts';
import type { AppendEntry, AppendIdentity } from './append-entry.ts';

/** What a produce request asks for besides its records; lib/log.ts tells what each means. */
export interface AppendWishes {
  readonly batches: Uint8Array;
  readonly idempotencyKey?: string;
  readonly fingerprint?: string;
  readonly expectedOffset?: number;
  readonly storeWithin?: AppendEntry['storeWithin'];
}

/** `began`: something seen in storage when the request came. Throws INVALID_REQUEST, MESSAGE_TOO_LARGE. */
export function checkWishes(
  wishes: AppendWishes,
  prepared: Pick<AppendEntry, 'bytes'>,
  began: Observation,
): Pick<AppendEntry, 'identity' | 'expectedOffset' | 'storeWithin'> {
  const { expectedOffset, storeWithin } = wishes;
  const identity = identityOf(wishes, began);
  if (expectedOffset !== undefined && !(Number.isSafeInteger(expectedOffset) && expectedOffset >= 0)) {
    throw new MillraceError('INVALID_REQUEST', 'An expected offset is a whole number from 0 on');
  }
  if (storeWithin !== undefined && prepared.bytes.length > LIMITS.inlineBytesMax) {
    const message = `${prepared.bytes.length} bytes; what is stored together with something else takes ${LIMITS.inlineBytesMax}`;
    throw new MillraceError('MESSAGE_TOO_LARGE', message);
  }
  return {
    ...(identity === undefined ? {} : { identity }),
    ...(expectedOffset === undefined ? {} : { expectedOffset }),
    ...(storeWithin === undefined ? {} : { storeWithin }),
  };
}

function identityOf(wishes: AppendWishes, began: Observation): AppendIdentity | undefined {
  const { idempotencyKey } = wishes;
  if (idempotencyKey === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
    throw new MillraceError('INVALID_REQUEST', 'An Idempotency-Key is 1 to 255 visible ASCII characters');
  }
  return { id: hash(idempotencyKey), fingerprint: wishes.fingerprint ?? hash(wishes.batches), began };
}

/** 128 bits as 22 characters. */
function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}
