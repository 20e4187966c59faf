import type { EngineParts } from '../engine-parts.ts';
import { MillraceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Call } from '../storage/call.ts';
import { isUnsentByFence } from '../storage/fault.ts';
import { ITEM_FORMAT, ItemReader } from '../storage/format.ts';
import type { Observation } from '../storage/observation.ts';
import type { Condition, Item } from '../storage/table.ts';
import type { AppendIdentity } from './append-entry.ts';
import { chunkFromItem } from './chunk.ts';
import { appendError } from './faults.ts';

/**
 * What makes an idempotency key work across processes: before a keyed append is sent to tail T, an item in the catalog
 * says so. A client's retry finds the item, looks at T, and either finds its records there, or takes the item over
 * (`ifVersion`) and tries itself: the earlier process can then no longer move on to another tail, and at T itself only
 * one of the two can win. One extra write per keyed append; none for others. (docs/adr/0004)
 */
export interface PlacedAttempt {
  readonly version: string;
  readonly offset: number;
  /** Whether this process has seen another chunk at `offset`: only then is it safe to move on without looking. */
  readonly isLost: boolean;
}

export type Placement =
  | { readonly kind: 'placed'; readonly attempt: PlacedAttempt }
  /** An earlier attempt with this identity stands in the log. */
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  /** The earlier attempt knew a later tail than we do: read it again. */
  | { readonly kind: 'tailIsOld' }
  | { readonly kind: 'refused'; readonly error: MillraceError };

export type AttemptDependencies = Pick<EngineParts, 'hot' | 'catalog' | 'clock' | 'random'>;

interface PlaceRequest {
  readonly pk: string;
  readonly identity: AppendIdentity;
  /** The tail that the append goes to next. */
  readonly offset: number;
  /** What this process itself placed before. */
  readonly before: PlacedAttempt | undefined;
  /** ⚑ From when the request began, on storage's clock too: one that slept for longer than keys are remembered is refused. */
  readonly began: Observation;
}

interface Standing {
  readonly standing: Item<string>;
  /** Storage's own time where it tells one: a fast local clock must not let an attempt expire. */
  readonly nowMs: number;
}

/** Where a partition's attempts lie in the catalog. */
export function attemptKey(pk: string): string {
  return `attempt#${pk}`;
}

/** Whatever goes wrong with one request's key is that request's answer alone: others share its chunk. */
export async function placeAttempt(
  deps: AttemptDependencies,
  request: PlaceRequest,
  call: Call,
): Promise<Placement> {
  try {
    return await (request.before === undefined
      ? begin(deps, request, call)
      : move(deps, request, request.before, call));
  } catch (fault) {
    return isUnsentByFence(fault) ? beyondChecking(fault) : { kind: 'refused', error: appendError(fault) };
  }
}

async function begin(deps: AttemptDependencies, request: PlaceRequest, call: Call): Promise<Placement> {
  const first = await writeAttempt(deps, request, { kind: 'ifAbsent' }, call);
  return first.kind === 'placed' ? first : meetEarlier(deps, request, first, call);
}

async function move(
  deps: AttemptDependencies,
  request: PlaceRequest,
  before: PlacedAttempt,
  call: Call,
): Promise<Placement> {
  if (before.offset === request.offset) return { kind: 'placed', attempt: before };
  if (!before.isLost) {
    // The process we took the attempt over from may have reached that place after all.
    const seen = await look(deps, request, before.offset, call);
    if (seen !== undefined) return seen;
  }
  const moved = await writeAttempt(deps, request, { kind: 'ifVersion', version: before.version }, call);
  return moved.kind === 'placed' ? moved : takenOver();
}

/**
 * What stands where an attempt was made. Undefined: another chunk, so it is safe to go on behind it. While nothing
 * stands there, a request may still be on its way to it: only that very place is safe for us. If our tail lies beyond
 * an empty place, what stood there has expired, and nobody can tell any more whose it was.
 */
async function look(
  deps: AttemptDependencies,
  request: PlaceRequest,
  offset: number,
  call: Call,
): Promise<Placement | undefined> {
  const { item } = await deps.hot.get({ pk: request.pk, sk: offset }, { consistent: true }, call);
  if (item === undefined && request.offset > offset) return beyondChecking(undefined);
  if (item === undefined) return request.offset === offset ? undefined : { kind: 'tailIsOld' };
  const found = chunkFromItem(item).identities.find(({ id }) => id === request.identity.id);
  if (found !== undefined) return { kind: 'duplicate', baseOffset: offset + found.offsetDelta };
  return request.offset > offset ? undefined : { kind: 'tailIsOld' };
}

async function meetEarlier(
  deps: AttemptDependencies,
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
    const seen = await look(deps, request, read.number('t'), call);
    if (seen !== undefined) return seen;
  }
  const taken = await writeAttempt(deps, request, { kind: 'ifVersion', version: standing.version }, call);
  return taken.kind === 'placed' ? taken : takenOver();
}

async function writeAttempt(
  deps: AttemptDependencies,
  request: PlaceRequest,
  condition: Condition,
  call: Call,
): Promise<{ kind: 'placed'; attempt: PlacedAttempt } | ({ kind: 'lost' } & Standing)> {
  const item: Item<string> = {
    pk: attemptKey(request.pk),
    sk: request.identity.id,
    version: deps.random.id(),
    expiresAtSeconds: Math.ceil((deps.clock.wallMs() + LIMITS.idempotencyLifeMs) / 1000),
    attributes: { f: ITEM_FORMAT, h: request.identity.fingerprint, t: request.offset },
  };
  const fences = [{ observation: request.began, ageMsMax: LIMITS.keyedRequestAgeMsMax }];
  const result = await deps.catalog.put(item, { condition, fences }, call);
  if (result.stored)
    return { kind: 'placed', attempt: { version: item.version, offset: request.offset, isLost: false } };
  // An item that vanished between two looks has expired: the next retry starts afresh.
  const nowMs = result.observation.serverMs ?? result.observation.sentWallMs;
  return { kind: 'lost', standing: result.standing ?? item, nowMs };
}

function beyondChecking(cause: unknown): Placement {
  const message =
    'The request began too long ago for its Idempotency-Key to be checked; look before sending it again';
  return { kind: 'refused', error: new MillraceError('REQUEST_TIMED_OUT', message, { cause }) };
}

function takenOver(): Placement {
  const message = 'Another request with this Idempotency-Key is being appended; retry to learn its offset';
  return { kind: 'refused', error: new MillraceError('REQUEST_TIMED_OUT', message) };
}
