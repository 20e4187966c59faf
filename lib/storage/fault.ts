/**
 * What went wrong between us and storage, classified once, in the adapter:
 * - `throttled`: refused for its rate (DynamoDB throttling, S3 503 SlowDown); nothing happened.
 * - `interrupted`: a time-out, a broken connection or a 5xx; a write may have happened.
 * - `skewed`: the signature's date was refused; nothing happened, the adapter has corrected its clock.
 * - `fenced`: an observation was too old when the request was signed; it was not sent.
 * - `full`: no room (disk full, item too large); nothing happened.
 * - `refused`: denied, misconfigured or not understood; nothing happened and trying again will not help.
 * - `damaged`: what is stored cannot be what was written.
 */
export type StorageFaultKind =
  | 'throttled'
  | 'interrupted'
  | 'skewed'
  | 'fenced'
  | 'full'
  | 'refused'
  | 'damaged';

export class StorageFault extends Error {
  override readonly name = 'StorageFault';
  readonly kind: StorageFaultKind;
  /** Whether a write may have taken effect in spite of this fault, counting every attempt of the call. */
  readonly mayHaveHappened: boolean;

  constructor(
    kind: StorageFaultKind,
    message: string,
    options?: { readonly cause?: unknown; readonly mayHaveHappened?: boolean },
  ) {
    super(message, options);
    this.kind = kind;
    this.mayHaveHappened = options?.mayHaveHappened ?? kind === 'interrupted';
  }
}

/** Whether what it rested on was too old before anything was sent: nothing happened, by this attempt or an earlier one. */
export function isUnsentByFence(fault: unknown): fault is StorageFault {
  return fault instanceof StorageFault && fault.kind === 'fenced' && !fault.mayHaveHappened;
}
