import type { EngineParts } from '../../engine-parts.ts';
import type { Call } from '../../storage/call.ts';
import type { Counts, Find } from './findings.ts';

/** Reads only: nothing here may be written. */
export type VerifyDependencies = Pick<EngineParts, 'hot' | 'catalog' | 'bucket' | 'clock' | 'codecs'>;

/** One partition on its way through the checks. */
export interface PartitionToVerify {
  readonly pk: string;
  readonly find: Find;
  readonly counts: Counts;
  /** Told now and then; throws `OutOfTime`. */
  readonly tick: () => void;
  readonly call: Call;
}

/** The caller's time is over; what was found so far stands. */
export class OutOfTime extends Error {
  override readonly name = 'OutOfTime';
}

/** One read is waited for at most this long, however much time there is for all of them. */
const READ_MS_MAX = 60_000;

export function soon({ clock }: VerifyDependencies, call: Call): Call {
  return { ...call, deadlineMs: Math.min(call.deadlineMs, clock.monotonicMs() + READ_MS_MAX) };
}
