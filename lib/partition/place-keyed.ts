import { unreachable } from '../errors.ts';
import type { Call } from '../storage/call.ts';
import type { AppendIdentity, AppendOutcome } from './append-entry.ts';
import type { Pending } from './append-queue.ts';
import { type AttemptDependencies, placeAttempt } from './attempts.ts';

export interface KeyedPlaces {
  /** Entries that have their answer and do not go on. */
  readonly settled: ReadonlyMap<Pending, AppendOutcome>;
  /** Somebody who tried one of them before knew a later tail: read it again, then compose anew. */
  readonly tailIsOld: boolean;
}

const NONE: KeyedPlaces = { settled: new Map(), tailIsOld: false };

/** Says in the catalog that the keyed ones of these entries go to `offset` next, all at once. */
export async function placeKeyed(
  deps: AttemptDependencies,
  append: { readonly pk: string; readonly entries: readonly Pending[]; readonly offset: number },
  call: Call,
): Promise<KeyedPlaces> {
  const { pk, entries, offset } = append;
  const place = async (entry: Pending, identity: AppendIdentity) => {
    const request = { pk, identity, offset, before: entry.attempt, began: identity.began };
    return { entry, placement: await placeAttempt(deps, request, call) };
  };
  const places = entries.flatMap((entry) =>
    entry.identity === undefined ? [] : [place(entry, entry.identity)],
  );
  if (places.length === 0) return NONE;

  const settled = new Map<Pending, AppendOutcome>();
  let tailIsOld = false;
  for (const { entry, placement } of await Promise.all(places)) {
    switch (placement.kind) {
      case 'placed':
        entry.attempt = placement.attempt;
        break;
      case 'duplicate':
        settled.set(entry, { kind: 'appended', baseOffset: placement.baseOffset, duplicate: true });
        break;
      case 'refused':
        settled.set(entry, { kind: 'failed', error: placement.error });
        break;
      case 'tailIsOld':
        tailIsOld = true;
        break;
      default:
        unreachable(placement);
    }
  }
  return { settled, tailIsOld };
}
