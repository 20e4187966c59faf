import { partitionKey } from '../../partition/chunk.ts';
import type { Call } from '../../storage/call.ts';
import { StorageFault } from '../../storage/fault.ts';
import { configNumber } from '../../topic/configs.ts';
import type { Topic } from '../../topic/topic-item.ts';
import type { Incident } from '../incident.ts';
import { type PushDependencies, pushExpiry } from '../seal/push-expiry.ts';

export interface PushDueReport {
  readonly partitionCount: number;
  readonly pushedCount: number;
  readonly incidents: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly incident: Incident;
  }[];
  /** Partitions that could not be looked at, with the reason. */
  readonly failures: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly reason: string;
  }[];
  /** False if the deadline came before every partition was looked at. */
  readonly isComplete: boolean;
}

/** Pushes the expiry of unsealed chunks out in every partition of `topics`; what ails one does not stop the others. */
export async function pushExpiryOf(
  deps: PushDependencies,
  topics: readonly Topic[],
  call: Call,
): Promise<PushDueReport> {
  const incidents: PushDueReport['incidents'][number][] = [];
  const failures: PushDueReport['failures'][number][] = [];
  const report = { partitionCount: 0, pushedCount: 0, incidents, failures, isComplete: true };
  for (const { topic, partition } of partitionsOf(topics)) {
    if (deps.clock.monotonicMs() >= call.deadlineMs) return { ...report, isComplete: false };
    report.partitionCount += 1;
    const pk = partitionKey(topic.topicId, partition);
    const hotRetentionMs = configNumber(topic.configs, 'hot.retention.ms');
    try {
      const pushed = await pushExpiry(deps, { pk, hotRetentionMs }, call);
      report.pushedCount += pushed.pushedCount;
      report.isComplete &&= pushed.isComplete;
      const { incident } = pushed;
      if (incident !== undefined) incidents.push({ topic: topic.name, partition, incident });
    } catch (fault) {
      if (!(fault instanceof StorageFault)) throw fault;
      failures.push({ topic: topic.name, partition, reason: fault.message });
    }
  }
  return report;
}

function* partitionsOf(topics: readonly Topic[]): Generator<{ topic: Topic; partition: number }> {
  for (const topic of topics) {
    for (let partition = 0; partition < topic.partitionCount; partition += 1) yield { topic, partition };
  }
}
