import { createHash } from 'node:crypto';
import type { EngineParts } from '../engine-parts.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { CopyOutcome } from './copy/copy-outcome.ts';
import type { TopicPair } from './flow-run.ts';
import type { FlowStatus, Looked } from './flows/status-item.ts';

/** Where a copy was noted to be complete; undefined for one that has to be looked at. */
export type RestingAt = (topic: string, partition: number) => number | undefined;

/** How long a note that a copy is complete may spare the look at the copy itself. */
const LOOK_MS = 3_600_000;

/**
 * What an idle run need not begin: it asks the source alone whether there is anything behind the noted position. ⚑ Nothing is
 * copied by the note. At worst something is copied an hour late, where the copy has lost records and the source has got no
 * new ones meanwhile; with other topics than noted all are looked at.
 */
export function restingPlaces(
  status: FlowStatus | undefined,
  pairs: readonly TopicPair[],
  nowMs: number,
): { readonly looked: Looked; readonly isResting: boolean; readonly restingAt: RestingAt } {
  const topics = topicsHash(pairs);
  if (status === undefined || status.looked.topics !== topics || nowMs - status.looked.ms >= LOOK_MS) {
    return { looked: { ms: nowMs, topics }, isResting: false, restingAt: () => undefined };
  }
  const complete = status.topics.filter(({ state, reason }) => state === 'CAUGHT_UP' && reason === '');
  const places = new Map(
    complete.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, position }) => [`${topic}:${partition}`, position] as const),
    ),
  );
  const restingAt: RestingAt = (topic, partition) => places.get(`${topic}:${partition}`);
  return { looked: status.looked, isResting: true, restingAt };
}

/** Undefined: the source has something behind the position, or ends there for good. */
export async function lookBehind(
  { hot }: Pick<EngineParts, 'hot'>,
  sourcePk: string,
  position: number,
  call: Call,
): Promise<CopyOutcome | undefined> {
  try {
    const { items } = await hot.query(sourcePk, { from: position, limit: 1, consistent: false }, call);
    return items.length > 0 ? undefined : { kind: 'caughtUp', position };
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    return { kind: 'failed', side: 'source', fault };
  }
}

function topicsHash(pairs: readonly TopicPair[]): string {
  const ids = pairs.map(({ source, target }) => `${source.topicId}:${target.topicId}`).toSorted();
  return createHash('sha256').update(ids.join('\n')).digest('base64url').slice(0, 22);
}
