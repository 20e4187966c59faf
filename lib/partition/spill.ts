import type { EngineParts } from '../engine-parts.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { observationAgeMs } from '../storage/observation.ts';
import { bytesOf, type Composition } from './append-queue.ts';
import { placedBytes } from './compose-chunk.ts';
import type { Spooler } from './spooler.ts';
import type { Tail } from './tail.ts';

/** Bytes before pointer: uploads what is too large to be inline, unless a lost attempt has left an upload. */
export async function spill(
  spooler: Spooler,
  composition: Composition,
  place: { readonly inlineBytesMax: number; readonly tail: Tail | undefined },
  call: Call,
): Promise<void> {
  const { entries, upload } = composition;
  const staysInline = entries[0]?.storeWithin !== undefined || bytesOf(entries) <= place.inlineBytesMax;
  if (upload !== undefined || staysInline) return;
  // Usually the offsets in the object turn out right, and sealing can then adopt it as it is.
  const baseOffset = place.tail?.offset ?? 0;
  const bytes = placedBytes(entries, baseOffset);
  composition.upload = await spooler.upload({ bytes, baseOffset }, call);
}

/** Whether an upload may no longer be referred to; the tail's own date is the latest word of storage's clock. */
export function isUploadTooOld(
  { clock, rules }: Pick<EngineParts, 'clock' | 'rules'>,
  { upload }: Composition,
  { observation: { serverMs } }: Tail,
): boolean {
  if (upload === undefined || !rules.firstReference) return false;
  const now = {
    wallMs: clock.wallMs(),
    monotonicMs: clock.monotonicMs(),
    ...(serverMs === undefined ? {} : { signedMs: serverMs }),
  };
  return observationAgeMs(upload.observation, now) > LIMITS.firstReferenceAgeMsMax;
}
