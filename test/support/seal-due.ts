import type { EngineParts } from '../../lib/engine-parts.ts';
import { runTask } from '../../lib/segment/tasks/run-task.ts';
import type { Call } from '../../lib/storage/call.ts';
import { StorageFault } from '../../lib/storage/fault.ts';
import { TopicCatalog } from '../../lib/topic/topic-catalog.ts';

export interface SealReport {
  readonly partitionCount: number;
  readonly sealedCount: number;
  readonly sealedBytes: number;
  readonly failures: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly reason: string;
  }[];
}

/** Runs the seal task of every partition of every topic, dying ones included, without asking a planner. */
export async function sealDue(parts: EngineParts, call: Call): Promise<SealReport> {
  const topics = await new TopicCatalog({ ...parts, partitionCountDefault: 1 }).listUnfinished(call);
  const failures: SealReport['failures'][number][] = [];
  const report = { partitionCount: 0, sealedCount: 0, sealedBytes: 0, failures };
  for (const { topicId, name: topic, partitionCount } of topics) {
    for (let partition = 0; partition < partitionCount; partition += 1) {
      report.partitionCount += 1;
      const task = { job: 'seal', topicId, topic, partition, continued: 0 } as const;
      try {
        const outcome = await runTask(parts, task, { lastStepMs: call.deadlineMs, call });
        if (outcome.kind === 'gone') continue;
        report.sealedCount += outcome.counts.sealedCount ?? 0;
        report.sealedBytes += outcome.counts.sealedBytes ?? 0;
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault;
        failures.push({ topic, partition, reason: fault.message });
      }
    }
  }
  return report;
}
