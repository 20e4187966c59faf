/** Time, passed in. The three readings disagree on purpose: each alone can stand still or step. */
export interface Clock {
  /** Milliseconds since 1970, UTC, as this machine believes. May step in either direction. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never goes back, but may stand still while the machine is suspended. */
  monotonicMs(): number;
  /** Resolves after at least `ms`, or rejects with `signal.reason` as soon as `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
