import type { History, Intent } from './history.ts';
import type { Truth } from './truth.ts';
import type { Violation } from './violation.ts';

/** I4 for records that are a part of a client's transaction: both parts are stored once, or neither. */
export function checkOutbox(history: History, truth: Truth): Violation[] {
  const intents = new Set(history.produces.map(({ intent }) => intent));
  return [...intents].flatMap((intent) => {
    const problem = problemOf(intent, truth);
    if (problem === undefined) return [];
    const { id, topic, partition, outbox } = intent;
    const atMs = outbox?.appliedMs.at(-1) ?? intent.attempts.at(-1)?.startedMs ?? 0;
    return [{ invariant: 'I4', message: `#${id} ${problem}`, atMs, where: `${topic}-${partition}` }];
  });
}

function problemOf({ outbox, values }: Intent, truth: Truth): string | undefined {
  if (outbox === undefined) return undefined;
  const applied = outbox.appliedMs.length;
  const stored = truth.places.get(values[0] ?? '')?.length ?? 0;
  return applied === stored
    ? undefined
    : `was stored ${stored} times, and the client's part of it ${applied} times`;
}
