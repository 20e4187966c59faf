import type { Clock } from './clock.ts';

/**
 * When something was seen in storage. ⚑ The age is counted from the sending of the request that made it, on three
 * clocks at once, because each of them alone can stand still or step.
 */
export interface Observation {
  readonly sentWallMs: number;
  readonly sentMonotonicMs: number;
  /** The `Date` header of the answer, in milliseconds since 1970; absent where storage has no clock of its own. */
  readonly serverMs?: number;
}

/** ⚑ A write may be signed only while `observation` is at most `ageMsMax` old (the fence, docs/guarantees.md). */
export interface Fence {
  readonly observation: Observation;
  readonly ageMsMax: number;
}

/** The age of an observation at the moment a request was signed: the largest that any clock claims. */
export function observationAgeMs(
  observation: Observation,
  now: { readonly wallMs: number; readonly monotonicMs: number; readonly signedMs?: number },
): number {
  const byWall = now.wallMs - observation.sentWallMs;
  const byMonotonic = now.monotonicMs - observation.sentMonotonicMs;
  const byServer =
    observation.serverMs === undefined || now.signedMs === undefined
      ? 0
      : now.signedMs - observation.serverMs;
  return Math.max(byWall, byMonotonic, byServer);
}

/** Every adapter calls this after a request is signed and before it is sent; on `false` it must not be sent. */
export function fencesHold(fences: readonly Fence[], clock: Clock, signedMs?: number): boolean {
  const now = {
    wallMs: clock.wallMs(),
    monotonicMs: clock.monotonicMs(),
    ...(signedMs === undefined ? {} : { signedMs }),
  };
  return fences.every((fence) => observationAgeMs(fence.observation, now) <= fence.ageMsMax);
}

/** The observation that a request sent now will make; adapters add `serverMs` from its answer. */
export function observeNow(clock: Clock): Observation {
  return { sentWallMs: clock.wallMs(), sentMonotonicMs: clock.monotonicMs() };
}

/** Of two observations that together show something, the one that counts: the older on each clock. */
export function olderObservation(a: Observation, b: Observation): Observation {
  const serverMs =
    a.serverMs === undefined || b.serverMs === undefined ? undefined : Math.min(a.serverMs, b.serverMs);
  return {
    sentWallMs: Math.min(a.sentWallMs, b.sentWallMs),
    sentMonotonicMs: Math.min(a.sentMonotonicMs, b.sentMonotonicMs),
    ...(serverMs === undefined ? {} : { serverMs }),
  };
}
