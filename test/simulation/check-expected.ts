import type { History, ProduceAttempt } from './history.ts';
import { livesOf, type Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/** I4 for appends that name their place: stored there or not at all, and who was refused was told where the log ends. */
export function checkExpected(history: History, truth: Truth): Violation[] {
  return history.produces.flatMap((attempt) => {
    const problem = problemOf(attempt, truth);
    if (problem === undefined) return [];
    const { process, intent, endedMs: atMs, topic, partition } = attempt;
    const message = `${process} answered #${intent.id}, which was to be stored at ${intent.expectedOffset}: ${problem}`;
    return [{ invariant: 'I4', message, atMs, where: `${topic}-${partition}` }];
  });
}

function problemOf({ intent, outcome, ...at }: ProduceAttempt, truth: Truth): string | undefined {
  const { expectedOffset, values } = intent;
  if (expectedOffset === undefined) return undefined;
  const elsewhere = truth.places.get(values[0] ?? '')?.find(({ offset }) => offset !== expectedOffset);
  if (elsewhere !== undefined) return `it stands at ${elsewhere.offset}`;
  if (outcome.kind !== 'refused' || outcome.toldEndOffset === undefined) return undefined;
  const told = outcome.toldEndOffset;
  const isTrue = livesOf(truth, at.topic).some(({ topicId }) => {
    const partition = truth.partitions.get(`${topicId}:${at.partition}`);
    const endAt = (ms: number): number => partition?.endAt(ms) ?? 0;
    // An end that was passed long ago is reason enough to refuse what lies below it.
    const isCurrent = told > expectedOffset || told >= endAt(at.startedMs);
    return told !== expectedOffset && isCurrent && told <= endAt(at.endedMs);
  });
  return isTrue ? undefined : `the log was said to end at ${told}`;
}
