import { unreachable } from '../errors.ts';
import type { CopyState } from '../flows.ts';
import type { CopyGap, CopyOutcome } from './copy/copy-outcome.ts';

/** What is known of the copying of one partition: what its steps came to, as values. */
export interface PartitionWork {
  readonly state: CopyState;
  /** Why, for people; empty while all is well. */
  readonly reason: string;
  /** Where the copy ends; -1 before the first step. */
  readonly position: number;
  /** A lower bound of where the source ends. */
  readonly sourceEnd: number;
  /** Of what was copied last, ms; -1 if unknown. */
  readonly copiedMs: number;
  readonly gap?: CopyGap;
  /** Steps in a row that found nothing, and that failed. */
  readonly quiet: number;
  readonly failures: number;
  /** How long to wait with the next step. */
  readonly pauseMs: number;
}

export const NEW_WORK: PartitionWork = {
  state: 'COPYING',
  reason: '',
  position: -1,
  sourceEnd: -1,
  copiedMs: -1,
  quiet: 0,
  failures: 0,
  pauseMs: 0,
};

const QUIET_MS_MIN = 50;
/** A record that comes to a quiet partition waits so long at most. */
const QUIET_MS_MAX = 1_000;
const FAILURE_MS_MIN = 1_000;
const FAILURE_MS_MAX = 30_000;
/** What does not mend itself is looked at again now and then. */
const STOPPED_MS = 60_000;

/** Adds what a step came to. */
export function afterStep(work: PartitionWork, outcome: CopyOutcome): PartitionWork {
  const calm = { ...work, reason: '', quiet: 0, failures: 0, pauseMs: 0 };
  switch (outcome.kind) {
    case 'copied': {
      const { position, maxTimestampMs, gap = work.gap } = outcome;
      const sourceEnd = Math.max(outcome.sourceEnd, position);
      const copied = { ...calm, position, sourceEnd, copiedMs: maxTimestampMs };
      return { ...copied, state: 'COPYING', ...(gap === undefined ? {} : { gap }) };
    }
    case 'caughtUp': {
      const { position } = outcome;
      const pauseMs = Math.min(QUIET_MS_MAX, QUIET_MS_MIN * 2 ** Math.min(work.quiet, 10));
      return { ...calm, state: 'CAUGHT_UP', position, sourceEnd: position, quiet: work.quiet + 1, pauseMs };
    }
    case 'diverged':
      return stopped(work, 'DIVERGED', outcome.position, outcome.reason);
    case 'sourceRecreated': {
      const reason = `The topic in the source was deleted and made anew; its id is ${outcome.topicId} now`;
      return stopped(work, 'SOURCE_RECREATED', outcome.position, reason);
    }
    case 'sourceGone':
      return stopped(work, 'CAUGHT_UP', outcome.position, 'The topic was deleted in the source');
    case 'released':
      return stopped(work, 'CONFLICT', outcome.position, 'The topic is no copy any more: it was promoted');
    case 'closed':
      return stopped(
        work,
        'COPYING',
        outcome.position,
        'The copy is closed: deleted, or its region is frozen',
      );
    case 'missing':
      return {
        ...stopped(work, 'COPYING', outcome.position, outcome.reason),
        sourceEnd: Math.max(work.sourceEnd, outcome.sourceEnd),
      };
    case 'failed': {
      const failures = work.failures + 1;
      const pauseMs = Math.min(FAILURE_MS_MAX, FAILURE_MS_MIN * 2 ** Math.min(work.failures, 10));
      const state = outcome.side === 'source' ? 'UNREACHABLE' : work.state;
      return { ...work, state, reason: outcome.fault.message, failures, pauseMs };
    }
    default:
      return unreachable(outcome);
  }
}

/** A step that did not come to anything at all. */
export function afterBug(work: PartitionWork): PartitionWork {
  const reason = 'Copying failed unexpectedly; the log tells why';
  return { ...work, reason, failures: work.failures + 1, pauseMs: STOPPED_MS };
}

function stopped(work: PartitionWork, state: CopyState, position: number, reason: string): PartitionWork {
  return { ...work, state, position, reason, quiet: 0, failures: 0, pauseMs: STOPPED_MS };
}

/** Whether there is nothing to be done about it at present. */
export function isQuiet({ quiet, pauseMs, failures }: PartitionWork): boolean {
  return quiet > 0 || failures > 0 || pauseMs === STOPPED_MS;
}

/** Records that the source has and the copy has not; -1 if unknown. Nothing is on its way where copying has stopped. */
export function lagOf({ state, position, sourceEnd }: PartitionWork): number {
  if (state === 'UNREACHABLE' || position < 0 || sourceEnd < 0) return -1;
  return Math.max(0, sourceEnd - position);
}
