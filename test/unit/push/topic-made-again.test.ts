import { expect, it } from 'vitest';
import { pushSource, type SourceBatch } from '../../../lib/push/push-source.ts';
import {
  batchOf,
  codecs,
  memoryStorage,
  newCall,
  openMemoryLog,
  refusal,
} from '../../support/log-on-memory.ts';

const storage = memoryStorage();

it('a function is given the records of the topic that is its group’s, never of another of that name', async () => {
  const call = newCall(storage.clock);
  const place = { topic: 't', partition: 0 };
  const log = await openMemoryLog(storage);
  const old = await log.createTopic({ name: 't' }, call);
  await log.produce({ ...place, batches: batchOf('old') }, call);
  const stale = await openMemoryLog(storage);
  await stale.resolveTopic('t', call);
  await log.deleteTopic('t', call);
  const made = await log.createTopic({ name: 't' }, call);
  await log.produce({ ...place, batches: batchOf('new') }, call);

  const next = (topicId: string): Promise<SourceBatch> =>
    pushSource(
      { log: stale, codecs },
      { place: { ...place, topicId }, offset: 0, batchSize: 10, batchBytes: 10_000, fetchBytes: 10_000 },
    ).next(call);
  const given = await next(made.topicId);
  const values =
    given.kind === 'records' ? given.records.map(({ value }) => Buffer.from(value ?? []).toString()) : [];
  expect(values).toEqual(['new']);
  expect(await refusal(next(old.topicId))).toBe('UNKNOWN_TOPIC_ID');
});
