import { partitionKey } from '../partition/chunk.ts';
import type { EngineParts } from '../partition/partitions.ts';
import type { Call } from '../storage/call.ts';
import { StorageFault } from '../storage/fault.ts';
import type { Random } from '../storage/random.ts';
import { configNumber } from '../topic/configs.ts';
import { TopicCatalog } from '../topic/topic-catalog.ts';
import type { Topic } from '../topic/topic-item.ts';
import { sealOnce } from './seal.ts';

export interface SealReport {
  readonly partitionCount: number;
  readonly sealedCount: number;
  readonly sealedBytes: number;
  /** Partitions whose hot chain or objects are damaged or could not be reached, with the reason. */
  readonly failures: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly reason: string;
  }[];
  /** False if the deadline came before every partition was looked at; the next run goes on. */
  readonly isComplete: boolean;
}

export interface SealOptions {
  /** Told of each partition's sealed end after it was looked at; the local node drops what lies below. */
  readonly onSealedEnd?: (pk: string, sealedEnd: number) => void | Promise<void>;
}

/**
 * Seals whatever is due in every partition of every topic, dying ones included, one after another from a random first, until `call.deadlineMs`. One partition's
 * damage does not keep the others from being sealed. Safe to run many times at once.
 */
export async function sealDue(parts: EngineParts, options: SealOptions, call: Call): Promise<SealReport> {
  const topics = await new TopicCatalog({ ...parts, partitionCountDefault: 1 }).listUnfinished(call);
  const report = { partitionCount: 0, sealedCount: 0, sealedBytes: 0, isComplete: true };
  const failures: SealReport['failures'][number][] = [];
  for (const { topic, partition } of fromAnywhere(topics, parts.random)) {
    if (parts.clock.monotonicMs() >= call.deadlineMs) return { ...report, failures, isComplete: false };
    report.partitionCount += 1;
    try {
      const sealed = await sealPartition(parts, topic, partition, { ...options, call });
      report.sealedCount += sealed.count;
      report.sealedBytes += sealed.bytes;
    } catch (fault) {
      if (!(fault instanceof StorageFault)) throw fault;
      failures.push({ topic: topic.name, partition, reason: fault.message });
    }
  }
  return { ...report, failures };
}

/** All partitions, beginning anywhere: if time is always too short for all of them, none is always left out. */
function fromAnywhere(
  topics: readonly Topic[],
  random: Random,
): { readonly topic: Topic; readonly partition: number }[] {
  const all = topics.flatMap((topic) =>
    Array.from({ length: topic.partitionCount }, (_, partition) => ({ topic, partition })),
  );
  const first = Math.floor(random.next() * all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}

async function sealPartition(
  parts: EngineParts,
  topic: Topic,
  partition: number,
  options: SealOptions & { readonly call: Call },
): Promise<{ readonly count: number; readonly bytes: number }> {
  const pk = partitionKey(topic.topicId, partition);
  const settings = {
    segmentBytes: configNumber(topic.configs, 'segment.bytes'),
    segmentMs: configNumber(topic.configs, 'segment.ms'),
    hotRetentionMs: configNumber(topic.configs, 'hot.retention.ms'),
  };
  let count = 0;
  let bytes = 0;
  for (;;) {
    const outcome = await sealOnce(parts, pk, settings, options.call);
    if (outcome.kind === 'sealed') {
      count += 1;
      bytes += outcome.segment.bytes;
      continue;
    }
    if (outcome.kind === 'notDue') await options.onSealedEnd?.(pk, outcome.sealedEnd);
    return { count, bytes };
  }
}
