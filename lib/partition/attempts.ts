import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import type { Clock } from '../storage/clock.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Random } from '../storage/random.ts';
import type { Condition, Item, Table } from '../storage/table.ts';
import type { AppendIdentity } from './append-entry.ts';
import { chunkFromItem } from './chunk.ts';

/**
 * What makes an idempotency key work across processes: before a keyed append is sent to tail T, an item in the catalog
 * says so. A client's retry finds the item, looks at T, and either finds its records there, or takes the item over
 * (`ifVersion`) and tries itself: the earlier process can then no longer move on to another tail, and at T itself only
 * one of the two can win. One extra write per keyed append; none for others. (docs/adr/0004)
 */
export interface PlacedAttempt {
  readonly version: string;
  readonly offset: number;
}

export type Placement =
  | { readonly kind: 'placed'; readonly attempt: PlacedAttempt }
  /** An earlier attempt with this identity stands in the log. */
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  /** The earlier attempt knew a later tail than we do: read it again. */
  | { readonly kind: 'tailIsOld' }
  | { readonly kind: 'refused'; readonly error: MillraceError };

interface Dependencies {
  readonly hot: Table<number>;
  readonly catalog: Table<string>;
  readonly clock: Clock;
  readonly random: Random;
}

interface PlaceRequest {
  readonly pk: string;
  readonly identity: AppendIdentity;
  /** The tail that the append goes to next. */
  readonly offset: number;
  /** What this process itself placed before, at an earlier tail where another chunk was seen since. */
  readonly before: PlacedAttempt | undefined;
}

interface Standing {
  readonly standing: Item<string>;
  /** Storage's own time where it tells one: a fast local clock must not let an attempt expire. */
  readonly nowMs: number;
}

/** Throws `StorageFault`; then nothing of the append has been sent to `offset`. */
export async function placeAttempt(
  deps: Dependencies,
  request: PlaceRequest,
  call: Call,
): Promise<Placement> {
  const { before, offset } = request;
  if (before?.offset === offset) return { kind: 'placed', attempt: before };
  if (before !== undefined) {
    const moved = await writeAttempt(deps, request, { kind: 'ifVersion', version: before.version }, call);
    return moved.kind === 'placed' ? moved : takenOver();
  }
  const first = await writeAttempt(deps, request, { kind: 'ifAbsent' }, call);
  return first.kind === 'placed' ? first : meetEarlier(deps, request, first, call);
}

async function meetEarlier(
  deps: Dependencies,
  request: PlaceRequest,
  { standing, nowMs }: Standing,
  call: Call,
): Promise<Placement> {
  const read = new ItemReader('idempotency attempt', standing);
  const expired = (standing.expiresAtSeconds ?? 0) * 1000 <= nowMs;
  if (!expired) {
    if (read.string('h') !== request.identity.fingerprint) {
      const message = 'This Idempotency-Key was used for another request within the last day';
      return { kind: 'refused', error: new MillraceError('INVALID_REQUEST', message) };
    }
    const offset = read.number('t');
    const { item } = await deps.hot.get({ pk: request.pk, sk: offset }, { consistent: true }, call);
    const found = item && chunkFromItem(item).identities.find(({ id }) => id === request.identity.id);
    if (found !== undefined) return { kind: 'duplicate', baseOffset: offset + found.offsetDelta };
    // Nothing of it stands at its tail yet, but it may still be on its way there: only that very place is safe for us.
    if (item === undefined ? request.offset !== offset : request.offset <= offset)
      return { kind: 'tailIsOld' };
  }
  const taken = await writeAttempt(deps, request, { kind: 'ifVersion', version: standing.version }, call);
  return taken.kind === 'placed' ? taken : takenOver();
}

async function writeAttempt(
  deps: Dependencies,
  request: PlaceRequest,
  condition: Condition,
  call: Call,
): Promise<{ kind: 'placed'; attempt: PlacedAttempt } | ({ kind: 'lost' } & Standing)> {
  const item: Item<string> = {
    pk: `attempt#${request.pk}`,
    sk: request.identity.id,
    version: deps.random.id(),
    expiresAtSeconds: Math.ceil((deps.clock.wallMs() + LIMITS.idempotencyLifeMs) / 1000),
    attributes: { f: ITEM_FORMAT, h: request.identity.fingerprint, t: request.offset },
  };
  const result = await deps.catalog.put(item, { condition }, call);
  if (result.stored) return { kind: 'placed', attempt: { version: item.version, offset: request.offset } };
  // An item that vanished between two looks has expired: the next retry starts afresh.
  const nowMs = result.observation.serverMs ?? result.observation.sentWallMs;
  return { kind: 'lost', standing: result.standing ?? item, nowMs };
}

function takenOver(): Placement {
  const message = 'Another request with this Idempotency-Key is being appended; retry to learn its offset';
  return { kind: 'refused', error: new MillraceError('REQUEST_TIMED_OUT', message) };
}
