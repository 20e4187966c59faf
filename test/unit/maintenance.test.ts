import { describe, expect, it } from 'vitest';
import type { EngineParts } from '../../lib/engine-parts.ts';
import type { Job, JobReport } from '../../lib/jobs.ts';
import type { Log } from '../../lib/log.ts';
import { openMaintenance } from '../../lib/maintenance.ts';
import { engineParts } from '../../lib/open-log.ts';
import type { Call } from '../../lib/storage/call.ts';
import { StorageFault } from '../../lib/storage/fault.ts';
import { batchOf, memoryStorage, newCall, openMemoryLog } from '../support/log-on-memory.ts';
import { type ManualClock, manualClock } from '../tools/manual-clock.ts';

const HOUR_MS = 3_600_000;

interface Scene {
  readonly clock: ManualClock;
  readonly parts: EngineParts;
  readonly log: Log;
  readonly call: () => Call;
  run(job: Job, topic?: string): Promise<JobReport>;
}

/** Topic `t` of two partitions with a batch of two records in each, which is a segment's worth. */
async function scene(): Promise<Scene> {
  const clock = manualClock();
  const storage = memoryStorage(clock);
  const parts = engineParts(storage);
  const call = (): Call => newCall(clock, { ms: 25_000 });
  const log = await openMemoryLog(storage);
  const configs = { 'segment.bytes': '14', 'retention.ms': String(HOUR_MS) };
  await log.createTopic({ name: 't', partitionCount: 2, configs }, call());
  for (const partition of [0, 1])
    await log.produce({ topic: 't', partition, batches: batchOf('a', 'b') }, call());
  const maintenance = openMaintenance(parts);
  return { clock, parts, log, call, run: (job, topic = 't') => maintenance.run(job, topic, call()) };
}

describe('a job that is run now', () => {
  it('seals every partition and says so by partition and in all', async () => {
    const { run } = await scene();
    const report = await run('seal');
    expect(report).toMatchObject({
      job: 'seal',
      topic: 't',
      counts: { sealedCount: 2 },
      partitions: [
        { partition: 0, counts: { sealedCount: 1 } },
        { partition: 1, counts: { sealedCount: 1 } },
      ],
      findings: [],
      isComplete: true,
    });
    expect((await run('seal')).counts).toMatchObject({ sealedCount: 0 });
  });

  it('brings a log within its retention', async () => {
    const { run, clock, log, call } = await scene();
    await run('seal');
    clock.advance(2 * HOUR_MS);
    expect((await run('retain')).counts).toMatchObject({ deletedOffsets: 4 });
    const earliest = await log.listOffsets({ topic: 't', partition: 1, at: 'earliest' }, call());
    expect(earliest.offset).toBe(2);
  });

  it('sweeps, and removes what deleted topics have left', async () => {
    const { run, clock, log, call } = await scene();
    await run('seal');
    await log.createTopic({ name: 'other' }, call());
    await log.deleteTopic('t', call());
    expect((await run('sweep', 'other')).counts).toMatchObject({
      waitingTopicCount: 1,
      removedTopicCount: 0,
    });
    clock.advance(2 * HOUR_MS);
    const swept = await run('sweep', 'other');
    expect(swept.counts).toMatchObject({ removedTopicCount: 1, deletedCount: 2, waitingTopicCount: 0 });
    expect(swept).toMatchObject({ findings: [], isComplete: true });
  });

  it('verifies, and tells what it has found and where', async () => {
    const { run, parts, call } = await scene();
    await run('seal');
    expect(await run('verify')).toMatchObject({
      counts: { segmentCount: 2, recordCount: 4, findingCount: 0 },
      findings: [],
      isComplete: true,
    });
    const { objects } = await parts.bucket.list('segments/', { limit: 1 }, call());
    await parts.bucket.delete(
      objects.map(({ key }) => key),
      call(),
    );
    const damaged = await run('verify');
    expect(damaged.counts).toMatchObject({ findingCount: 1 });
    expect(damaged.findings).toMatchObject([{ name: 'object-missing', offset: 0 }]);
  });

  it('tells of a gap that it meets while it pushes expiry out', async () => {
    const { run, parts, log, call } = await scene();
    await log.produce({ topic: 't', partition: 0, batches: batchOf('c') }, call());
    const { topicId } = await log.describeTopic('t', call());
    const key = { pk: `${topicId}:0`, sk: 0 };
    const { item } = await parts.hot.get(key, { consistent: true }, call());
    await parts.hot.delete(key, { ifVersion: item?.version ?? '' }, call());
    const { findings } = await run('push-expiry');
    expect(findings).toMatchObject([{ name: 'incident', partition: 0, offset: 0 }]);
  });

  it('goes on with the other partitions where one is damaged', async () => {
    const { parts, call, log } = await scene();
    const { topicId } = await log.describeTopic('t', call());
    const { hot } = parts;
    const broken: EngineParts = {
      ...parts,
      hot: {
        ...hot,
        query: async (pk, ...rest) => {
          if (pk === `${topicId}:0`) throw new StorageFault('damaged', 'an item of partition 0 is damaged');
          return hot.query(pk, ...rest);
        },
      },
    };
    const report = await openMaintenance(broken).run('seal', 't', call());
    expect(report).toMatchObject({
      partitions: [{ partition: 1, counts: { sealedCount: 1 } }],
      findings: [{ name: 'failed', partition: 0, message: 'an item of partition 0 is damaged' }],
      isComplete: true,
    });
  });

  it.each(['seal', 'retain'] as const)('%s says that it is not complete when time is over', async (job) => {
    const { parts, clock } = await scene();
    const report = await openMaintenance(parts).run(job, 't', newCall(clock, { ms: 0 }));
    expect(report).toMatchObject({ partitions: [], isComplete: false });
  });

  it('is refused for a topic that does not exist, and when storage does not answer', async () => {
    const { run, parts, call } = await scene();
    await expect(run('seal', 'u')).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    const get = async (): Promise<never> => {
      throw new StorageFault('throttled', 'too many');
    };
    const down = openMaintenance({ ...parts, catalog: { ...parts.catalog, get } });
    await expect(down.run('seal', 't', call())).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED' });
  });
});
