import type { DynamoTransactions } from '../adapters/dynamodb/index.ts';
import type { Groups } from '../groups.ts';
import { LIMITS } from '../limits.ts';
import type { Log } from '../log.ts';
import type { Codecs } from '../record/codecs.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import type { Meter } from '../storage/meter.ts';
import type { Random } from '../storage/random.ts';

/** What producers, consumers and the admin are built on. */
export interface ClientParts {
  readonly log: Log;
  readonly groups: Groups;
  readonly codecs: Codecs;
  readonly clock: Clock;
  readonly random: Random;
  /** Charged with everything this client does. */
  readonly meter: Meter;
  /** Only where the log is kept in DynamoDB: what transactions of the caller's can be joined with. */
  readonly transactions?: DynamoTransactions;
  newCall(options?: CallOptions): Call;
}

export interface CallOptions {
  /** How long the answer is waited for, in milliseconds. @default 25,000 */
  readonly timeoutMs?: number;
  /** Ends the waiting. What had been sent to storage by then may still take effect. */
  readonly signal?: AbortSignal;
}

export function clientParts(parts: Omit<ClientParts, 'newCall'>): ClientParts {
  const { clock, meter } = parts;
  return {
    ...parts,
    newCall: ({ timeoutMs = LIMITS.requestMsDefault, signal } = {}) => {
      signal?.throwIfAborted();
      const deadlineMs = clock.monotonicMs() + timeoutMs;
      return { meter, deadlineMs, ...(signal === undefined ? {} : { signal }) };
    },
  };
}
