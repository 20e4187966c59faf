import { checkChains } from './check-chain.ts';
import { checkCompaction } from './check-compaction.ts';
import { checkExpected } from './check-expected.ts';
import { checkLogStarts } from './check-log-start.ts';
import { checkProducers } from './check-producers.ts';
import { checkProduces } from './check-produces.ts';
import { checkReads } from './check-reads.ts';
import { checkReferences } from './check-references.ts';
import { checkSegments } from './check-segments.ts';
import { checkTopics } from './check-topics.ts';
import { readObjects } from './object-contents.ts';
import { readPast } from './past.ts';
import { readTruth } from './truth.ts';
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
    ...checkExpected(history, truth),
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

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` because of ${errorText(error.cause)}`;
  return `${error.stack ?? String(error)}${cause}`;
}
