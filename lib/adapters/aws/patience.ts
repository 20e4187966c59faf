import type { Call } from '../../storage/call.ts';
import type { Clock } from '../../storage/clock.ts';

/** How long one attempt is waited for. */
export interface Patience {
  /** Aborted when it is over; closes the connection. */
  readonly signal: AbortSignal;
  /** Rejects when it is over, whatever the request is doing then (the SDK itself may wait for credentials). */
  readonly over: Promise<never>;
  /** The attempt has ended: no timer stays behind. */
  stop(): void;
}

export function startPatience(options: {
  readonly clock: Clock;
  readonly call: Call;
  readonly attemptMsMax: number;
  readonly write: boolean;
}): Patience {
  const { clock, call, attemptMsMax, write } = options;
  const over = new AbortController();
  const stopped = new AbortController();
  const lose = (reason: unknown): void => over.abort(reason);
  const onSignal = (): void => lose(call.signal?.reason);

  const leftMs = Math.min(attemptMsMax, call.deadlineMs - clock.monotonicMs());
  if (leftMs <= 0) lose(new Error('no time was left'));
  else {
    clock.sleep(leftMs, stopped.signal).then(
      () => lose(new Error(`no answer within ${Math.round(leftMs)} ms`)),
      () => undefined,
    );
  }
  if (!write && call.signal?.aborted) onSignal();
  else if (!write) call.signal?.addEventListener('abort', onSignal, { once: true });

  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  if (over.signal.aborted) reject(over.signal.reason);
  else over.signal.addEventListener('abort', () => reject(over.signal.reason), { once: true });

  return {
    signal: over.signal,
    over: promise,
    stop: () => {
      stopped.abort();
      call.signal?.removeEventListener('abort', onSignal);
    },
  };
}
