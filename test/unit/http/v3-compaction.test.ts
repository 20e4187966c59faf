import { describe, expect, it } from 'vitest';
import { type Api, newTopic, openApi, produce } from './support.ts';

/** A compacted topic whose every chunk is sealed as soon as a job looks. */
async function compacted(): Promise<Api & { run(job: string): Promise<unknown> }> {
  const api = await openApi();
  await newTopic(api, 't', 1, [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'min.cleanable.dirty.ratio', value: '0' },
    { name: 'segment.bytes', value: '14' },
    { name: 'delete.retention.ms', value: '0' },
  ]);
  const path = `/v3/clusters/${api.log.clusterId}/topics/t/maintenance:run`;
  const headers = { 'content-type': 'application/json' };
  return { ...api, run: async (job) => (await api.ask('POST', path, { headers, body: { job } })).json };
}

const put = (api: Api, ...records: readonly (readonly [string, unknown])[]) =>
  produce(
    api,
    '/topics/t/partitions/0',
    records.map(([key, value]) => ({ key, value })),
  );

/** What verify finds in the log, every record read. (A process that knows the log's hot end may read there for a minute.) */
const records = (count: number): object => ({
  job: 'verify',
  is_complete: true,
  counts: { recordCount: count },
  findings: [],
});

describe('compaction over HTTP', () => {
  it('is asked for, says what it did, and leaves the newest record of every key', async () => {
    const api = await compacted();
    await put(api, ['a', 1], ['b', 1]);
    await put(api, ['a', 2], ['c', 1]);
    await api.run('seal');
    expect(await api.run('compact')).toMatchObject({
      job: 'compact',
      is_complete: true,
      counts: { compactedSegments: 2, rewrittenCount: 1 },
      findings: [],
    });
    expect(await api.run('verify')).toMatchObject(records(3));
    expect(await api.run('compact')).toMatchObject({ counts: { compactedSegments: 0 } });
  });

  it('takes a deleted key away, its tombstone one pass later', async () => {
    const api = await compacted();
    await put(api, ['a', 1], ['b', 1]);
    await put(api, ['a', null]);
    await api.run('seal');
    await api.run('compact');
    expect(await api.run('verify')).toMatchObject(records(2));
    await put(api, ['c', 1]);
    await api.run('seal');
    await api.run('compact');
    expect(await api.run('verify')).toMatchObject(records(2));
  });

  it('leaves other topics alone', async () => {
    const api = await compacted();
    const path = `/v3/clusters/${api.log.clusterId}/topics/t/configs/cleanup.policy`;
    await api.ask('PUT', path, {
      headers: { 'content-type': 'application/json' },
      body: { value: 'delete' },
    });
    await put(api, ['a', 1]);
    await put(api, ['a', 2]);
    await api.run('seal');
    expect(await api.run('compact')).toMatchObject({ is_complete: true, counts: { rewrittenCount: 0 } });
    expect(await api.run('verify')).toMatchObject(records(2));
  });
});
