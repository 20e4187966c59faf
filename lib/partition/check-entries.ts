import { UnexpectedTailError } from '../errors.ts';
import { batchesKept } from '../producer/load-producers.ts';
import type { ProducerTracker } from '../producer/producer-tracker.ts';
import type { Rules } from '../rules.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { AppendOutcome } from './append-entry.ts';
import { topicFences } from './append-fences.ts';
import type { Pending } from './append-queue.ts';
import type { AttemptDependencies } from './attempts.ts';
import { storageError } from './faults.ts';
import { judgeSequences } from './judge-sequences.ts';
import { placeKeyed } from './place-keyed.ts';
import type { Tail } from './tail.ts';

export interface Checked {
  /** Entries that have their answer and do not go on; then the others are composed and checked anew. */
  readonly settled: ReadonlyMap<Pending, AppendOutcome>;
  /** To be composed again when the others have their answer. */
  readonly deferred: ReadonlySet<Pending>;
  /** The log goes on behind the tail, or may do so: it is read again, and all are checked anew. */
  readonly tailIsOld: boolean;
}

export type CheckDependencies = AttemptDependencies & {
  readonly rules: Rules;
  readonly producers: ProducerTracker;
};

interface Append {
  readonly pk: string;
  readonly entries: readonly Pending[];
  readonly tail: Tail;
  /** Whether the tail was seen after an entry arrived. */
  readonly isFresh: (entry: Pending) => boolean;
}

const NOTHING: Checked = { settled: new Map(), deferred: new Set(), tailIsOld: false };
const TAIL_IS_OLD: Checked = { ...NOTHING, tailIsOld: true };

/**
 * Everything that may keep an entry out of the chunk at `tail`. What has been stored before is found first, by sequence
 * numbers and by keys; then an expected offset is compared.
 */
export async function checkEntries(deps: CheckDependencies, append: Append, call: Call): Promise<Checked> {
  const sequences = await checkSequences(deps, append, call);
  if (isFinal(sequences)) return sequences;
  const entries = append.entries.filter((entry) => !sequences.deferred.has(entry));
  const unkeyed = checkExpected({ ...append, entries }, (entry) => entry.identity === undefined);
  if (isFinal(unkeyed)) return unkeyed;
  const { pk, tail } = append;
  const keyed = await placeKeyed(deps, { pk, entries, offset: tail.offset }, call);
  if (keyed.tailIsOld || keyed.settled.size > 0) return { ...NOTHING, ...keyed };
  const expected = checkExpected({ ...append, entries }, () => true);
  return isFinal(expected) ? expected : sequences;
}

const isFinal = ({ settled, tailIsOld }: Checked): boolean => tailIsOld || settled.size > 0;

/** An entry that expects an offset is always the first of its chunk. */
function checkExpected({ entries, tail, isFresh }: Append, applies: (entry: Pending) => boolean): Checked {
  const [first] = entries;
  const expected = first?.expectedOffset;
  if (first === undefined || expected === undefined || expected === tail.offset || !applies(first)) {
    return NOTHING;
  }
  if (expected > tail.offset && !isFresh(first)) return TAIL_IS_OLD;
  const error = new UnexpectedTailError(expected, tail.offset);
  return { ...NOTHING, settled: new Map([[first, { kind: 'failed', error }]]) };
}

/** What ails the producers' state fails those entries alone that need it. */
async function checkSequences(deps: CheckDependencies, append: Append, call: Call): Promise<Checked> {
  const sequenced = append.entries.filter((entry) => entry.sequenced !== undefined);
  if (sequenced.length === 0) return NOTHING;
  try {
    return await judgeAll(deps, append, sequenced, call);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    const outcome: AppendOutcome = { kind: 'failed', error: storageError(fault) };
    return { ...NOTHING, settled: new Map(sequenced.map((entry) => [entry, outcome])) };
  }
}

async function judgeAll(
  deps: CheckDependencies,
  { entries, tail, isFresh }: Append,
  sequenced: readonly Pending[],
  call: Call,
): Promise<Checked> {
  const settings = {
    nowMs: tail.observation.serverMs ?? deps.clock.wallMs(),
    fences: topicFences(sequenced),
  };
  const producers = await deps.producers.at(tail, settings, call);
  if (producers === undefined) return TAIL_IS_OLD;
  const { coming, ...judged } = judgeSequences(entries, {
    producers,
    tailOffset: tail.offset,
    batchesKept: batchesKept(deps.rules),
    isFresh,
  });
  if (isFinal(judged)) return judged.settled.size > 0 ? { ...judged, tailIsOld: false } : judged;
  const isAtEnd = await deps.producers.prepare(coming, settings, call);
  return isAtEnd ? judged : TAIL_IS_OLD;
}
