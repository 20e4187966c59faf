import type { EngineParts } from '../engine-parts.ts';
import type { FlowProgress, PartitionProgress, RelayProgress, TopicProgress } from '../flows.ts';
import { readTail } from '../partition/tail.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { CopyGap } from './copy/copy-outcome.ts';
import { type CopiedPartition, placeKey } from './copy-loop.ts';
import type { FlowShare } from './flow-run.ts';
import { type FlowStatus, type Looked, NEVER_LOOKED, progressOf, worstOf } from './flows/status-item.ts';
import { lagOf, type PartitionWork } from './partition-work.ts';
import type { StoppedRelay } from './topics/relayed-topics.ts';
import type { SyncedTopics } from './topics/sync-topics.ts';

/** What a run knows when it takes a note. */
export interface Known {
  readonly partitions: readonly CopiedPartition[];
  /** Undefined while the source has not been listed. */
  readonly topics: SyncedTopics | undefined;
  /** Why it has not, for people. */
  readonly reason?: string;
  readonly share: FlowShare;
  readonly nowMs: number;
  /** By `placeKey`: where the source ends, as looked at for this note. */
  readonly ends: ReadonlyMap<string, number>;
  /** When every copy was looked at last. */
  readonly looked: Looked;
  /** What was noted last. */
  readonly before: FlowStatus | undefined;
}

/** Ends that are looked up for one note. */
const LOOKS_MAX = 64;

/** Where the source ends, for the first of those partitions of which more than a part may be missing. */
export async function lookAtEnds(
  source: EngineParts,
  partitions: readonly CopiedPartition[],
  call: Call,
): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>();
  const behind = partitions.filter(({ work }) => work.state === 'COPYING').slice(0, LOOKS_MAX);
  await Promise.all(
    behind.map(async (one) => {
      try {
        const { tail } = await readTail(source, one.sourcePk, source.rules, call);
        const { relay } = one;
        ends.set(
          placeKey(one),
          relay === undefined ? tail.offset : (tail.origins?.get(relay)?.endOffset ?? 0),
        );
      } catch (fault) {
        // The copying itself says that the source cannot be reached.
        if (!(fault instanceof StorageFault)) throw fault;
      }
    }),
  );
  return ends;
}

export function noteOf(known: Known): FlowStatus {
  const { share, nowMs, topics, before, looked } = known;
  if (topics === undefined) return unreachable(known);
  const gaps = gapsIn(before);
  const all = known.partitions.map((one) => withGap(withEnd(one, known.ends), gaps));
  const lags = all.map(({ work }) => lagOf(work));
  const lagRecords = lags.includes(-1) ? -1 : lags.reduce((sum, lag) => sum + lag, 0);
  return {
    share,
    notedMs: nowMs,
    lagRecords,
    lagMs: lagMsOf(all, lagRecords, nowMs),
    base: baseOf(before, { lagRecords, nowMs }),
    topics: rowsOf(all, topics),
    looked,
  };
}

/** What is noted of a gap stays when those who met it have long gone. */
function withGap(one: CopiedPartition, gaps: ReadonlyMap<string, CopyGap>): CopiedPartition {
  const { work, pair, partition, relay } = one;
  const gap = work.gap ?? gaps.get(gapKey(pair.target.name, partition, relay));
  // One that lies beyond the position is of a copy that had this name before.
  return gap === undefined || gap.to > work.position ? one : { ...one, work: { ...work, gap } };
}

function gapsIn(before: FlowStatus | undefined): ReadonlyMap<string, CopyGap> {
  const gaps = new Map<string, CopyGap>();
  for (const { topic, partitions } of before?.topics ?? []) {
    for (const { partition, gap, relays = [] } of partitions) {
      if (gap !== undefined) gaps.set(gapKey(topic, partition, undefined), gap);
      for (const relay of relays) {
        if (relay.gap !== undefined) gaps.set(gapKey(topic, partition, relay.region), relay.gap);
      }
    }
  }
  return gaps;
}

function gapKey(topic: string, partition: number, relay: string | undefined): string {
  return `${topic}:${partition} ${relay ?? ''}`;
}

export function progressOfNote(status: FlowStatus | undefined): FlowProgress | undefined {
  return status === undefined ? undefined : progressOf([status]);
}

/** What was known is not known any more. */
function unreachable({ share, nowMs, before, reason = '' }: Known): FlowStatus {
  const topics = (before?.topics ?? []).map((row): TopicProgress => {
    const isLive = row.state === 'COPYING' || row.state === 'CAUGHT_UP';
    return isLive ? { ...row, state: 'UNREACHABLE', reason } : row;
  });
  const base = before?.base ?? { lagRecords: 0, sinceMs: nowMs };
  return { share, notedMs: nowMs, base, lagRecords: -1, lagMs: -1, topics, looked: NEVER_LOOKED };
}

function withEnd(one: CopiedPartition, ends: ReadonlyMap<string, number>): CopiedPartition {
  const end = ends.get(placeKey(one));
  if (end === undefined) return one;
  const sourceEnd = Math.max(end, one.work.sourceEnd);
  return { ...one, work: { ...one.work, sourceEnd } };
}

/**
 * The oldest record that is missing is hardly older than the newest that was copied of its partition: what is told is a
 * little too much rather than too little.
 */
function lagMsOf(all: readonly CopiedPartition[], lagRecords: number, nowMs: number): number {
  if (lagRecords <= 0) return lagRecords;
  const behind = all.filter(({ work }) => lagOf(work) > 0).map(({ work }) => work.copiedMs);
  return behind.includes(-1) ? -1 : Math.max(0, ...behind.map((copiedMs) => nowMs - copiedMs));
}

/** It falls behind from where nothing was missing, or more than ever. */
function baseOf(
  before: FlowStatus | undefined,
  now: { readonly lagRecords: number; readonly nowMs: number },
): FlowStatus['base'] {
  const kept = before?.base;
  if (now.lagRecords < 0 && kept !== undefined) return kept;
  const goesOn = kept !== undefined && now.lagRecords > 0 && kept.lagRecords >= now.lagRecords;
  return goesOn ? kept : { lagRecords: Math.max(0, now.lagRecords), sinceMs: now.nowMs };
}

function rowsOf(all: readonly CopiedPartition[], topics: SyncedTopics): readonly TopicProgress[] {
  const live = [...Map.groupBy(all, ({ pair }) => pair.source.name).values()].flatMap((parts) => {
    const [{ pair } = { pair: undefined }] = parts;
    const refused = (topics.stoppedRelays ?? []).filter(
      ({ sourceTopic }) => sourceTopic === pair?.source.name,
    );
    const worst = worstOf([...parts.map(told), ...refused.map(toldOfRelay)]);
    if (pair === undefined || worst === undefined) return [];
    const { state, reason } = worst;
    const partitions = parts
      .filter(({ relay }) => relay === undefined)
      .map((one) =>
        partitionRow(
          one,
          parts.filter(({ targetPk }) => targetPk === one.targetPk),
        ),
      );
    return [{ sourceTopic: pair.source.name, topic: pair.target.name, state, reason, partitions }];
  });
  const stopped = topics.stopped.map((topic): TopicProgress => ({ ...topic, partitions: [] }));
  const orphans = topics.orphans.map(
    ({ name, remote }): TopicProgress => ({
      sourceTopic: remote?.topic ?? '',
      topic: name,
      state: 'CAUGHT_UP',
      reason: 'The topic was deleted in the source; the copy stays as it is',
      partitions: [],
    }),
  );
  return [...live, ...stopped, ...orphans].toSorted((a, b) => (a.sourceTopic < b.sourceTopic ? -1 : 1));
}

type Told = Pick<TopicProgress, 'state' | 'reason'>;

function told({ relay, work: { state, reason } }: CopiedPartition): Told {
  return relay === undefined || reason === ''
    ? { state, reason }
    : { state, reason: `Relay of '${relay}': ${reason}` };
}

function toldOfRelay({ reason }: StoppedRelay): Told {
  return { state: 'SOURCE_RECREATED', reason };
}

function partitionRow(one: CopiedPartition, all: readonly CopiedPartition[]): PartitionProgress {
  const relays = all.flatMap(({ relay, work }): readonly RelayProgress[] =>
    relay === undefined ? [] : [{ region: relay, state: work.state, reason: work.reason, ...placeOf(work) }],
  );
  return {
    partition: one.partition,
    ...placeOf(one.work),
    ...(relays.length === 0 ? {} : { relays }),
  };
}

function placeOf(work: PartitionWork): Pick<PartitionProgress, 'position' | 'sourceEnd' | 'gap'> {
  const position = Math.max(0, work.position);
  return {
    position,
    sourceEnd: Math.max(position, work.sourceEnd),
    ...(work.gap === undefined ? {} : { gap: work.gap }),
  };
}
