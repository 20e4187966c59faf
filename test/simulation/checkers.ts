import { groupKey } from '../../lib/group/group-item.ts';
import { checkApplied } from './check-applied.ts';
import { checkChains } from './check-chain.ts';
import { checkCompaction } from './check-compaction.ts';
import { checkExpected } from './check-expected.ts';
import { checkLogStarts } from './check-log-start.ts';
import { checkMembers, type MemberEvidence } from './check-members.ts';
import { checkOutbox } from './check-outbox.ts';
import { checkPositions } from './check-positions.ts';
import { checkProducers } from './check-producers.ts';
import { checkProduces } from './check-produces.ts';
import { checkReads } from './check-reads.ts';
import { checkReferences } from './check-references.ts';
import { checkSegments } from './check-segments.ts';
import { checkSnapshots } from './check-snapshots.ts';
import { checkTopics } from './check-topics.ts';
import { readObjects } from './object-contents.ts';
import { readPast } from './past.ts';
import { readGroups } from './read-groups.ts';
import { isDeleting, readTruth, type Truth } from './truth.ts';
import { FORBIDDEN_GROUP } from './vandal.ts';
import type { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Every promise that can be judged from the two histories: storage's and the clients'. Earliest first. */
export function check(world: World): Violation[] {
  const { storage, codecs, history } = world;
  const clockErrorMsMax = world.pool.clockErrorMsMax();
  const truth = readTruth(storage, codecs);
  const past = readPast(storage, truth);
  const contents = readObjects(storage, codecs);
  const found: Violation[] = [
    ...checkChains(storage, truth, past),
    ...checkSegments(storage, truth, past, contents),
    ...checkCompaction(storage, truth, past, contents),
    ...checkLogStarts({ storage, truth, past, history, clockErrorMsMax }),
    ...checkTopics(storage.catalog.changes),
    ...checkProduces(history, truth),
    ...checkProducers(history, truth),
    ...checkSnapshots(storage, truth, codecs),
    ...checkExpected(history, truth),
    ...checkOutbox(history, truth),
    ...checkGroups(world, truth),
    ...checkReads(history, truth, past),
    ...checkReferences(storage, truth, past),
    ...history.surprises.map(
      ({ process, what, atMs, error }): Violation => ({
        invariant: 'I10',
        message: `${process}, ${what}: ${errorText(error)}`,
        atMs,
      }),
    ),
  ];
  return found.sort((a, b) => a.atMs - b.atMs);
}

function checkGroups({ storage, history, profile, trace }: World, truth: Truth): Violation[] {
  const groups = {
    truth: readGroups(storage.catalog.changes),
    history: history.groups,
    isDeleting: (pk: string, atMs: number) => isDeleting(truth, pk, atMs),
  };
  const endAt = (pk: string, atMs: number): number => truth.partitions.get(pk)?.endAt(atMs) ?? 0;
  return [
    ...storage.catalog.changes
      .filter(({ key }) => key.pk === groupKey(FORBIDDEN_GROUP))
      .map(({ atMs, by }): Violation => ({ invariant: 'I10', message: `${by} stored a bad group`, atMs })),
    ...checkPositions({ ...groups, endAt }),
    ...checkApplied(groups.history, groups.truth),
    ...checkMembers({ ...groups, staleMsMax: profile.staleMsMax, slept: sleepersIn(trace) }),
  ];
}

/** Whether a process was frozen at some moment of a stretch of time. */
function sleepersIn({ entries }: World['trace']): MemberEvidence['slept'] {
  const sleeps = entries.filter(({ kind }) => kind === 'freeze' || kind === 'thaw');
  return (process, fromMs, toMs) => {
    const own = sleeps.filter((entry) => entry.process === process && entry.atMs <= toMs);
    return own.some(({ atMs }) => atMs >= fromMs) || own.at(-1)?.kind === 'freeze';
  };
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` because of ${errorText(error.cause)}`;
  return `${error.stack ?? String(error)}${cause}`;
}
