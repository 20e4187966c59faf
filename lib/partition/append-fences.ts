import { LIMITS } from '../limits.ts';
import type { Rules } from '../rules.ts';
import type { Fence, Observation } from '../storage/observation.ts';
import type { AppendEntry } from './append-entry.ts';
import type { Tail } from './tail.ts';

/** ⚑ How old what a chunk rests on may be when its put is signed. */
export function appendFences(
  rules: Rules,
  append: {
    readonly tail: Tail;
    readonly uploaded: Observation | undefined;
    readonly entries: readonly Pick<AppendEntry, 'topicSeen'>[];
  },
): Fence[] {
  const { tail, uploaded, entries } = append;
  const fences = topicFences(entries);
  if (rules.fence) fences.push({ observation: tail.observation, ageMsMax: LIMITS.fenceAgeMsMax });
  if (rules.firstReference && uploaded !== undefined) {
    fences.push({ observation: uploaded, ageMsMax: LIMITS.firstReferenceAgeMsMax });
  }
  return fences;
}

/** The chain of a topic that was deleted long ago is gone, and its closed marker with it: nobody would be stopped. */
export function topicFences(entries: readonly Pick<AppendEntry, 'topicSeen'>[]): Fence[] {
  return entries.map(({ topicSeen }) => ({ observation: topicSeen, ageMsMax: LIMITS.topicUseAgeMsMax }));
}
