import type { Groups } from '../../groups.ts';
import type { Log } from '../../log.ts';
import type { Call } from '../../storage/call.ts';
import type { Clock } from '../../storage/clock.ts';

/** What the work on one instance needs. */
export interface ConsumerParts {
  readonly groups: Groups;
  readonly log: Log;
  readonly clock: Clock;
  readonly call: Call;
  /** Aborted when the client stops listening. */
  readonly signal: AbortSignal | undefined;
  /** Tells the operator of a fault that is nobody's answer. */
  readonly noteFault: (cause: unknown) => void;
}

/** Requests to the log that one call of an instance has under way. */
export const REQUESTS_AT_ONCE = 8;
