import type { Meter } from './meter.ts';

/** Who asks: whose meter is charged, and how long the answer is still of use. */
export interface Call {
  readonly meter: Meter;
  /** On `Clock.monotonicMs`. Throttles and faults are retried until then, never beyond. */
  readonly deadlineMs: number;
  /** Aborted when nobody waits for the answer any more. Writes that were sent are not called back. */
  readonly signal?: AbortSignal;
}
