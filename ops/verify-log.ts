import type { EngineParts } from '../lib/engine-parts.ts';
import { type VerifyReport, verifyTopic } from '../lib/segment/verify/verify.ts';
import { Meter } from '../lib/storage/meter.ts';
import { TopicCatalog } from '../lib/topic/topic-catalog.ts';
import type { Topic } from '../lib/topic/topic-item.ts';

export interface Output {
  /** A line of the result. */
  readonly line: (text: string) => void;
  /** What goes on; nobody keeps it. */
  readonly progress: (text: string) => void;
}

const PROGRESS_MS = 1_000;

/** Verifies the topics one after another and prints what is wrong. Throws `MillraceError` for an unknown topic. */
export async function verifyLog(
  parts: EngineParts,
  options: { readonly topic?: string },
  { line, progress }: Output,
): Promise<{ readonly findingCount: number }> {
  const call = { meter: new Meter(), deadlineMs: Number.MAX_SAFE_INTEGER };
  const catalog = new TopicCatalog({ ...parts, partitionCountDefault: 1 });
  const topics =
    options.topic === undefined
      ? await catalog.listUnfinished(call)
      : [await catalog.describe(options.topic, call)];
  let findingCount = 0;
  for (const topic of topics) {
    const report = await verifyTopic(parts, topic, call, { onProgress: reporter(parts, topic, progress) });
    findingCount += report.findingCount;
    tell(report, line);
  }
  const { objectGets, tableReads } = call.meter.usage;
  line(
    `${findingCount === 0 ? 'No findings' : `${findingCount} findings`} in ${topics.length} topics (${tableReads} table reads, ${objectGets} object reads)`,
  );
  return { findingCount };
}

function reporter(
  { clock }: EngineParts,
  topic: Topic,
  progress: Output['progress'],
): (at: { readonly partition: number; readonly batchCount: number; readonly bytes: number }) => void {
  let lastMs = clock.monotonicMs();
  return ({ partition, batchCount, bytes }) => {
    if (clock.monotonicMs() - lastMs < PROGRESS_MS) return;
    lastMs = clock.monotonicMs();
    progress(
      `${topic.name}: partition ${partition} of ${topic.partitionCount}, ${batchCount} batches, ${megabytes(bytes)}`,
    );
  };
}

function tell(report: VerifyReport, line: Output['line']): void {
  const { topic, partitionCount, segmentCount, chunkCount, recordCount, bytes, findings, findingCount } =
    report;
  for (const { name, partition, offset, message } of findings) {
    line(`${name}  ${topic}/${partition}${offset === undefined ? '' : ` at ${offset}`}: ${message}`);
  }
  if (findingCount > findings.length) line(`… and ${findingCount - findings.length} more of ${topic}`);
  const what = `${partitionCount} partitions, ${segmentCount} segments, ${chunkCount} unsealed chunks, ${recordCount} records, ${megabytes(bytes)}`;
  line(`${topic}: ${what}: ${findingCount === 0 ? 'sound' : `${findingCount} findings`}`);
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
