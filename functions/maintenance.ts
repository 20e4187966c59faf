import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { systemClock, systemRandom } from '../lib/adapters/system/index.ts';
import { engineParts } from '../lib/open-log.ts';
import { type SealReport, sealDue } from '../lib/segment/maintenance.ts';
import { Meter } from '../lib/storage/meter.ts';
import { deployedStorage } from './deployed-storage.ts';
import { readEnvironment } from './environment.ts';
import { observer } from './observer.ts';
import { retryingOnce } from './retrying-once.ts';

/** No new partition is begun in the last minute: sealing one takes seconds, and half a seal is lost work. */
const LAST_MS = 60_000;

const environment = readEnvironment(process.env);
const clock = systemClock();
const random = systemRandom();
const { logger, metrics, onFault } = observer({
  service: 'maintenance',
  logSampleRate: environment.logSampleRate,
  random: random.next,
});
const opened = retryingOnce(async () => engineParts(await deployedStorage(environment, { clock, random })));

/**
 * Called by the schedule: seals what is due in every partition. Fails, and so raises the alarm in the end, if any
 * partition could not be sealed; the others are sealed all the same.
 */
export const handler: (event: unknown, context: Context) => Promise<SealReport> = middy<unknown, SealReport>()
  .onError(({ error }) => onFault(error, 'maintenance failed'))
  .handler(async (_event, context): Promise<SealReport> => {
    const leftMs = context.getRemainingTimeInMillis();
    const call = {
      meter: new Meter(),
      deadlineMs: clock.monotonicMs() + Math.max(leftMs - LAST_MS, leftMs / 2),
    };
    const report = await sealDue(await opened(), {}, call);
    tell(report);
    if (report.failures.length > 0) {
      throw new Error(`${report.failures.length} of ${report.partitionCount} partitions could not be sealed`);
    }
    return report;
  });

/** An idle log says nothing. */
function tell(report: SealReport): void {
  const { sealedCount, sealedBytes, failures, isComplete } = report;
  if (sealedCount === 0 && failures.length === 0 && isComplete) return;
  logger.info('sealed', { ...report });
  metrics.addMetric('SealedSegments', MetricUnit.Count, sealedCount);
  metrics.addMetric('SealedBytes', MetricUnit.Bytes, sealedBytes);
  metrics.addMetric('UnsealedPartitions', MetricUnit.Count, failures.length);
  metrics.publishStoredMetrics();
}
