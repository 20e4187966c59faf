import { MillraceError } from '../errors.ts';
import type { AppendIdentity, AppendOutcome } from './append-entry.ts';

/** Keyed appends of this process that are not settled yet: the same key at the same time is one append, one answer. */
export interface Twins {
  /** Begins the append, or joins the one with this key that has begun already. */
  join(identity: AppendIdentity, begin: () => Promise<AppendOutcome>): Promise<AppendOutcome>;
}

export function createTwins(): Twins {
  const begun = new Map<string, { readonly fingerprint: string; readonly outcome: Promise<AppendOutcome> }>();
  return {
    join: async ({ id, fingerprint }, begin) => {
      const twin = begun.get(id);
      if (twin === undefined) {
        const outcome = begin();
        begun.set(id, { fingerprint, outcome });
        return outcome.finally(() => begun.delete(id));
      }
      if (twin.fingerprint !== fingerprint) {
        const message = 'This Idempotency-Key is in use for another request';
        return { kind: 'failed', error: new MillraceError('INVALID_REQUEST', message) };
      }
      const outcome = await twin.outcome;
      return outcome.kind === 'appended' ? { ...outcome, duplicate: true } : outcome;
    },
  };
}
