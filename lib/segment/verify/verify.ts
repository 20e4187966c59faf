import { partitionKey } from '../../partition/chunk.ts';
import { readBounds } from '../../partition/tail.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import type { Topic } from '../../topic/topic-item.ts';
import { type Checkpoint, CLEAN_KEY, checkpointFromItem } from '../compact/clean-item.ts';
import { readIncident } from '../incident.ts';
import { verifyChunks } from './chunks.ts';
import { type Counts, type Finding, newCounts } from './findings.ts';
import { OutOfTime, type PartitionToVerify, soon, type VerifyDependencies } from './partition-to-verify.ts';
import { producersCheck } from './producers.ts';
import { verifySegments } from './segments.ts';

export type { Finding, FindingName } from './findings.ts';
export type { VerifyDependencies } from './partition-to-verify.ts';

export interface VerifyReport extends Readonly<Counts> {
  readonly topic: string;
  readonly partitionCount: number;
  /** At most `findingsMax` of them. */
  readonly findings: readonly Finding[];
  /** How many there are in all. */
  readonly findingCount: number;
  /** False if the deadline came first. */
  readonly isComplete: boolean;
}

export interface VerifyOptions {
  /** Told now and then how far it has come. */
  readonly onProgress?: (progress: { readonly partition: number } & Readonly<Counts>) => void;
  /** @default 1,000 */
  readonly findingsMax?: number;
}

const FINDINGS_MAX = 1_000;

/**
 * Checks a whole topic without writing anything: both chains, every object and checksum, every index, the log start,
 * what compaction has noted, and the snapshot of producers. Says everything that is wrong, and goes on behind it. May run while the log is in use. Memory
 * holds one page of items and one window of an object.
 */
export async function verifyTopic(
  deps: VerifyDependencies,
  topic: Topic,
  call: Call,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { onProgress, findingsMax = FINDINGS_MAX } = options;
  const findings: Finding[] = [];
  const counts = newCounts();
  let findingCount = 0;
  const report = (isComplete: boolean): VerifyReport => ({
    topic: topic.name,
    partitionCount: topic.partitionCount,
    ...counts,
    findings,
    findingCount,
    isComplete,
  });
  for (let partition = 0; partition < topic.partitionCount; partition += 1) {
    const inTime = await verifyPartition(deps, {
      pk: partitionKey(topic.topicId, partition),
      counts,
      call,
      find: (name, message, offset) => {
        findingCount += 1;
        if (findings.length >= findingsMax) return;
        const where = { name, topic: topic.name, partition, message };
        findings.push(offset === undefined ? where : { ...where, offset });
      },
      tick: () => {
        if (deps.clock.monotonicMs() >= call.deadlineMs) throw new OutOfTime();
        onProgress?.({ partition, ...counts });
      },
    });
    if (!inTime) return report(false);
  }
  return report(true);
}

/** False if the time was over. */
async function verifyPartition(deps: VerifyDependencies, partition: PartitionToVerify): Promise<boolean> {
  try {
    await verifyAll(deps, partition);
    return true;
  } catch (fault) {
    if (fault instanceof OutOfTime) return false;
    if (!(fault instanceof StorageFault)) throw fault;
    if (deps.clock.monotonicMs() >= partition.call.deadlineMs) return false;
    partition.find('unreadable', fault.message);
    return true;
  }
}

async function verifyAll(deps: VerifyDependencies, partition: PartitionToVerify): Promise<void> {
  const { pk, find, tick, call } = partition;
  tick();
  const checkpoint = await readCheckpoint(deps, partition);
  const { logStart } = await readBounds(deps.catalog, pk, { consistent: true }, soon(deps, call));
  const isCompacted = checkpoint !== undefined;
  const producers = producersCheck();
  const view = { logStart, isCompacted, seeBatch: producers.see };
  const sealedEnd = await verifySegments(deps, partition, view);
  let hasGap = false;
  const watched: PartitionToVerify = {
    ...partition,
    find: (...finding) => {
      hasGap ||= finding[0] === 'hot-gap';
      find(...finding);
    },
  };
  const tail = await verifyChunks(deps, watched, { sealedEnd, logStart });
  if (logStart > tail && sealedEnd < tail) {
    find('log-start', `The log starts at ${logStart}, behind its end at ${tail}`, logStart);
  }
  if (checkpoint !== undefined) await checkCompaction(deps, partition, { checkpoint, sealedEnd });
  const incident = await readIncident(deps.catalog, pk, soon(deps, call));
  if (incident !== undefined && !hasGap) {
    find('incident', `A gap from ${incident.offset} to ${incident.nextOffset} is noted`, incident.offset);
  }
  await producers.finish(deps, partition);
}

async function readCheckpoint(
  deps: VerifyDependencies,
  { pk, find, call }: PartitionToVerify,
): Promise<Checkpoint | undefined> {
  const { item } = await deps.catalog.get({ pk, sk: CLEAN_KEY }, { consistent: true }, soon(deps, call));
  if (item === undefined) return undefined;
  try {
    return checkpointFromItem(item);
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    find('unreadable', fault.message);
    return { cleanTo: 0, points: [] };
  }
}

async function checkCompaction(
  deps: VerifyDependencies,
  { find, call }: PartitionToVerify,
  seen: { readonly checkpoint: Checkpoint; readonly sealedEnd: number },
): Promise<void> {
  const { checkpoint, sealedEnd } = seen;
  const { cleanTo, points, pass } = checkpoint;
  if (cleanTo > sealedEnd) {
    find('compaction', `Compacted up to ${cleanTo}, beyond the sealed end at ${sealedEnd}`, cleanTo);
  }
  const areAscending = points.every((point, at) => point.cleanTo >= (points[at - 1]?.cleanTo ?? 0));
  if (!areAscending) find('compaction', 'The points at which compaction got on are out of order');
  if (pass === undefined) return;
  if (pass.mapEnd > sealedEnd) {
    find('compaction', `The map of a compaction ends at ${pass.mapEnd}, beyond ${sealedEnd}`, pass.mapEnd);
  }
  const { objects } = await deps.bucket.list(pass.mapKey, { limit: 1 }, soon(deps, call));
  if (objects[0]?.key !== pass.mapKey) {
    find('compaction', `Object ${pass.mapKey}, the map of a compaction, is missing: it begins anew`);
  }
}
