import { MillraceError } from '../errors.ts';
import type { AppendOutcome } from './append-entry.ts';
import type { Pending } from './append-queue.ts';
import type { Chunk } from './chunk.ts';

export type Outcomes = ReadonlyMap<Pending, AppendOutcome>;

/** Answers the callers; not before their receipts are complete. */
export type Settle = () => void;

export function settling(outcomes: Outcomes): Settle {
  return () => {
    for (const [entry, outcome] of outcomes) entry.settle(outcome);
  };
}

export function settleAll(entries: readonly Pending[], outcome: AppendOutcome): Settle {
  return settling(new Map(entries.map((entry) => [entry, outcome])));
}

/** A closed marker as an append has met it. */
interface MetMarker {
  readonly freeze?: string | undefined;
  /** An earlier attempt of the append may still be on its way. */
  readonly mayHaveHappened?: boolean;
}

/** ⚑ A frozen partition is opened again: an attempt that is still on its way then may find its place free. */
export function closedBy({ freeze, mayHaveHappened = false }: MetMarker): AppendOutcome {
  if (freeze === undefined || !mayHaveHappened) return { kind: 'closed', isFrozen: freeze !== undefined };
  const message =
    'The region was frozen while this was being stored; it may yet be there when the region is thawed';
  return { kind: 'failed', error: new MillraceError('REQUEST_TIMED_OUT', message) };
}

/** Of entries that stand in a row from `baseOffset` on. */
export function appendedAt(entries: readonly Pending[], baseOffset: number): Outcomes {
  const outcomes = new Map<Pending, AppendOutcome>();
  let offset = baseOffset;
  for (const entry of entries) {
    outcomes.set(entry, { kind: 'appended', baseOffset: offset, duplicate: false });
    offset += entry.offsetCount;
  }
  return outcomes;
}

/** Of entries whose key stands in a chunk: somebody else has stored them there. */
export function keyedIn(standing: Chunk, entries: readonly Pending[]): Outcomes {
  const outcomes = new Map<Pending, AppendOutcome>();
  for (const entry of entries) {
    const found = standing.identities.find(({ id }) => id === entry.identity?.id);
    if (found === undefined) continue;
    const baseOffset = standing.baseOffset + found.offsetDelta;
    outcomes.set(entry, { kind: 'appended', baseOffset, duplicate: true });
  }
  return outcomes;
}
