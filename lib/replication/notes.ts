import type { EngineParts } from '../engine-parts.ts';
import type { Call } from '../storage/call.ts';
import type { Condition } from '../storage/table.ts';
import type { Flow } from './flows/flow-item.ts';
import { type FlowStatus, readStatus, statusToItem } from './flows/status-item.ts';

/** The notes of one run about its share. */
export interface Notes {
  /** As it was noted last, by this run or one before. */
  readonly last: FlowStatus | undefined;
  /** Stores the note, unless it says what the last one said a short while ago. */
  put(status: FlowStatus, call: Call): Promise<void>;
}

/** What has not changed is said again so often, so that it is known to be so still. */
const REPEAT_MS = 60_000;
const TRIES_MAX = 3;

export async function openNotes(
  deps: Pick<EngineParts, 'catalog' | 'codecs' | 'random'>,
  flow: Pick<Flow, 'source' | 'id'>,
  index: number,
  call: Call,
): Promise<Notes> {
  const standing = await readStatus(deps, flow, index, call);
  let last = standing.status;
  let version = standing.version;
  const put = async (status: FlowStatus, putCall: Call): Promise<void> => {
    if (last !== undefined && status.notedMs - last.notedMs < REPEAT_MS && saysTheSame(last, status)) return;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const item = statusToItem(deps, flow, status, deps.random.id());
      const condition: Condition =
        version === undefined ? { kind: 'ifAbsent' } : { kind: 'ifVersion', version };
      const result = await deps.catalog.put(item, { condition }, putCall);
      version = result.stored ? item.version : result.standing?.version;
      if (result.stored) break;
    }
    last = status;
  };
  return {
    get last() {
      return last;
    },
    put,
  };
}

function saysTheSame(before: FlowStatus, now: FlowStatus): boolean {
  const said = ({ share, base, lagRecords, lagMs, topics, looked }: FlowStatus): string =>
    JSON.stringify([share.count, base.lagRecords, lagRecords, lagMs, topics, looked]);
  return said(before) === said(now);
}

/** Where copying had come to when this was noted; nothing but a simulation of what goes wrong then goes by it. */
export function positionsIn(
  status: FlowStatus | undefined,
): (topic: string, partition: number) => number | undefined {
  const byPlace = new Map(
    status?.topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, position }) => [`${topic}:${partition}`, position] as const),
    ),
  );
  return (topic, partition) => byPlace.get(`${topic}:${partition}`);
}
