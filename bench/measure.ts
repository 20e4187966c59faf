import type { Call } from '../lib/storage/call.ts';
import { Meter, type Usage } from '../lib/storage/meter.ts';
import type { VirtualStorage } from './virtual-storage.ts';

export interface Measured<T> {
  readonly answer: T;
  readonly usage: Usage;
  /** Of virtual time. */
  readonly elapsedMs: number;
}

/** Runs virtual time until the call is answered. */
export async function measure<T>(
  { scheduler }: VirtualStorage,
  work: (call: Call) => Promise<T>,
): Promise<Measured<T>> {
  const meter = new Meter();
  const startedMs = scheduler.nowMs;
  let settled: { readonly answer: T } | { readonly error: unknown } | undefined;
  work({ meter, deadlineMs: startedMs + 600_000 }).then(
    (answer) => {
      settled = { answer };
    },
    (error: unknown) => {
      settled = { error };
    },
  );
  await scheduler.run(() => settled !== undefined, { eventsMax: 1_000_000 });
  if (settled === undefined || 'error' in settled)
    throw settled?.error ?? new Error('virtual time stood still');
  return { answer: settled.answer, usage: meter.usage, elapsedMs: scheduler.nowMs - startedMs };
}
